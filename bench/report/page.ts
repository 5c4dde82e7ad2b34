import type { Finding, RowResult } from '../harness/finding.ts';
import type { Results } from '../harness/results.ts';
import type { Sample } from '../harness/sample.ts';
import { median } from '../harness/statistics.ts';
import { rowCells } from '../harness/table.ts';
import { type Chart, percentilesOf } from './charts.ts';

/** One run, and its file as a link from the page. */
export interface Run {
  readonly results: Results;
  readonly source: string;
}

/** What the page is made from; `floors` is written by hand: why a goal is not reached, and what it would take. */
export interface PageParts {
  readonly results: Results;
  /** Runs that have measured some of its rows again; their numbers are in `results`. */
  readonly later: readonly Run[];
  readonly charts: readonly Chart[];
  /** The file of the results, as a link from the page. */
  readonly source: string;
  readonly floors: string;
}

const GIB = 1024 ** 3;

/** The page docs/reference/performance.md. */
export function performancePage({ results, later, charts, source, floors }: PageParts): string {
  const parts = [
    '# Performance',
    `Made by \`npm run bench:report\` from [one run](${source}) of the [bench](../../bench/README.md); changes by hand go
into [floors.md](../../bench/report/floors.md) or are lost. Single numbers say little on a shared machine: read the ratios.`,
    [aboutRun(results), ...later.map(aboutLater)].join('\n'),
    '## Goals and what was measured',
    'A ratio is ours over theirs within each pair of neighbouring measurements: the median of all pairs, and the spread from the lowest to the highest.',
    goalsTable(results.rows.filter(({ row }) => row !== 'micro')),
    '## Charts',
    ...charts.map(({ file, title }) => `![${title}](performance/${file})`),
    '## Time to answer at a set rate',
    `From the moment when a request was due, so that what waits behind a stall counts (no coordinated omission).
Milliseconds, medians over the rounds.`,
    latencyTable(results),
    '## Processor time a request',
    `Where the load generator keeps a whole processor busy, it bounds the faster of two contenders, and a ratio of rates flatters the
slower. Processor time does not: microseconds of the server's process for each request, or each entry of a batch, and how
many processors server and generator kept busy.`,
    processorTable(results.rows),
    '## Parts of the core',
    microTable(results.rows),
    '## Notes of the run',
    notesOf(results.rows),
    floors,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function aboutRun({ startedAt, commit, modified, machine, versions, method, mode }: Results): string {
  const memory = `${(Number(machine['memoryBytes']) / GIB).toFixed(0)} GiB`;
  const system = `${machine['cores']} processors (${machine['cpu'] || 'of unknown make'}), ${memory}, ${machine['platform']} ${machine['kernel']}`;
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `- Commit ${commit.slice(0, 12)}${modified ? ', with changes that were not committed' : ''}; started ${startedAt}; mode ${mode}`,
    `- ${system}, disk: ${machine['disk']}; load average before the start ${machine['load']}`,
    `- ${used.join(', ')}`,
    `- ${method.rounds} rounds of ${method.seconds} s for each contender in turns (${method['order']}), ${method['entryBytes']} B random entries; ${method['loadGenerator']}; every server in a process of its own on the same processors`,
  ].join('\n');
}

function aboutLater({ results: { rows, commit, startedAt, machine }, source }: Run): string {
  const names = rows.map(({ row }) => row).join(', ');
  return `- Measured again in [a later run](${source}), commit ${commit.slice(0, 12)}, started ${startedAt}, load average ${machine['load']}: ${names}`;
}

const GOAL_HEADINGS = ['row', 'work', 'Stele', 'against', 'theirs', 'ratio', 'spread', 'goal', 'met'];

function goalsTable(rows: readonly RowResult[]): string {
  return markdownTable(GOAL_HEADINGS, rows.flatMap(rowCells));
}

/** A table of Markdown; short rows are filled up. */
export function markdownTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${headings.map((_, i) => (cells[i] ?? '').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

function latencyTable({ rows }: Results): string {
  const samples = Object.entries(rows.find(({ row }) => row === 'latency')?.samples ?? {});
  if (samples.length === 0) return 'Not measured in this run.';
  const cells = samples.map(([name, list]) => [name, ...percentilesOf(list).map((ms) => ms.toFixed(2))]);
  return markdownTable(['contender', '50 %', '90 %', '99 %', '99.9 %', 'slowest'], cells);
}

function processorTable(rows: readonly RowResult[]): string {
  const of = (list: readonly Sample[], value: (sample: Sample) => number): number => median(list.map(value));
  const cells = rows.flatMap(({ row, samples }) =>
    Object.entries(samples)
      // Two loads on one server at once cannot be told apart.
      .filter(([name]) => !name.includes(' beside '))
      .filter(([, list]) => of(list, ({ serverCores }) => serverCores) > 0)
      .map(([name, list]) => [
        row,
        name,
        of(list, ({ serverCores, perSec }) => (serverCores / perSec) * 1e6).toFixed(1),
        of(list, ({ serverCores }) => serverCores).toFixed(2),
        of(list, ({ loadCores }) => loadCores).toFixed(2),
      ]),
  );
  return markdownTable(['row', 'contender', 'µs', 'server', 'generator'], cells);
}

function microTable(rows: readonly RowResult[]): string {
  const findings: readonly Finding[] = rows.find(({ row }) => row === 'micro')?.findings ?? [];
  if (findings.length === 0) return 'Not measured in this run.';
  const cells = findings.map(({ what = '', ours }) => [
    what,
    Math.round(ours).toLocaleString('en-US'),
    (1e6 / ours).toFixed(2),
  ]);
  return markdownTable(['work', 'a second', 'µs each'], cells);
}

function notesOf(rows: readonly RowResult[]): string {
  return rows.flatMap(({ row, notes }) => notes.map((note) => `- ${row}: ${note}`)).join('\n');
}
