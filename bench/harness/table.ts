import { type Finding, type Goal, isMet, type RowResult, type Unit } from './finding.ts';

const HEADINGS = ['row', 'work', 'Stele', 'against', 'theirs', 'ratio', 'spread', 'goal', 'met'];
const RIGHT: ReadonlySet<string> = new Set(['Stele', 'theirs', 'ratio', 'spread']);

/** The findings as a table of text: medians, and of the ratio its spread over the pairs too. */
export function formatTable(results: readonly RowResult[]): string {
  const rows = [HEADINGS, ...results.flatMap(rowCells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, i: number): string =>
    RIGHT.has(HEADINGS[i] ?? '') ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** The cells of each line of one row; a row that failed is a line too. */
export function rowCells(result: RowResult): string[][] {
  const lines = result.findings.map((finding, i) => [
    i === 0 ? result.row : '',
    [i === 0 ? result.title : '', finding.what ?? ''].filter((part) => part !== '').join(': '),
    ...findingCells(finding),
  ]);
  return result.error === undefined ? lines : [...lines, [result.row, `failed: ${firstLine(result.error)}`]];
}

function findingCells(finding: Finding): string[] {
  const { against, unit, goal, ours, theirs, ratio, ratioMin, ratioMax, pairs } = finding;
  const met = isMet(finding);
  return [
    formatNumber(ours, unit),
    against,
    theirs === undefined ? '' : formatNumber(theirs, unit),
    ratio === undefined || Number.isNaN(ratio) ? '' : ratio.toFixed(2),
    pairs.length > 1 ? `${ratioMin?.toFixed(2)}-${ratioMax?.toFixed(2)}` : '',
    formatGoal(goal),
    met === undefined ? '' : met ? 'yes' : 'NO',
  ];
}

/** A number with its unit, with as many digits as mean something. */
export function formatNumber(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return 'none';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
}

/** A goal as a reader says it. */
export function formatGoal(goal: Goal | undefined): string {
  if (goal === undefined) return '';
  const { atLeast, atMost, aim } = goal;
  const bound = atLeast === undefined ? `<= ${atMost?.toFixed(2)}` : `>= ${atLeast.toFixed(2)}`;
  return aim === undefined ? bound : `${bound}, aim ${aim.toFixed(2)}`;
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.slice(0, 200) ?? '';
}
