/** One fenced block of a page. */
export interface Fence {
  /** Of its opening line, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly marks: readonly string[];
  readonly code: string;
  /** The nearest text above and below: a reason not to run it has to stand there. */
  readonly beside: readonly string[];
  /** Whether no heading stands between it and the fence before. */
  readonly follows: boolean;
}

const LANGUAGES = ['sh', 'text', 'js', 'py', 'json', 'html', 'yaml', 'ini', 'http'] as const;
const SH_MARKS = /^(?:norun|serves|stopped|exit=[1-9][0-9]*|needs=[a-z0-9]+)$/;
const FILE_MARK = /^file=[\w.-]+$/;
const REASON = /^(?:<!-- )?\(?(?:Not run by a test|No test runs (?:this|these)): \S/;

/** Every fenced block of a Markdown page, in order. @throws Error for one that is never closed */
export function fencesOf(page: string): Fence[] {
  const lines = page.split('\n');
  const fences: Fence[] = [];
  let heading = false;
  for (let at = 0; at < lines.length; at += 1) {
    const opened = /^( *)(`{3,}|~{3,})(.*)$/.exec(lines[at] ?? '');
    if (/^#{1,6} /.test(lines[at] ?? '')) heading = true;
    if (opened === null) continue;
    const [, indent = '', ticks = '', info = ''] = opened;
    const end = lines.findIndex((line, i) => i > at && line.trim() === ticks);
    if (end < 0) throw new Error(`line ${at + 1}: this fence is never closed`);
    const [language = '', ...marks] = info.trim().split(/\s+/);
    const code = lines
      .slice(at + 1, end)
      .map((line) => `${line.replace(new RegExp(`^ {0,${indent.length}}`), '')}\n`);
    const beside = [lines.slice(0, at).reverse(), lines.slice(end + 1)].map(nearest);
    fences.push({ line: at + 1, language, marks, code: code.join(''), beside, follows: !heading });
    heading = false;
    at = end;
  }
  return fences;
}

/** The first line with anything on it. */
function nearest(lines: readonly string[]): string {
  return lines.find((line) => line.trim() !== '')?.trim() ?? '';
}

/** What is wrong with the marks of a fence; nothing when it can be run, or is not to be. */
export function complaintsAbout(fence: Fence): string[] {
  const { line, language, marks, beside } = fence;
  const said = (what: string) => [`line ${line}: ${what}`];
  if (language === '') return said('a fence names its language');
  if (!LANGUAGES.some((known) => known === language))
    return said(`${language} is not among the languages of fences`);
  const allowed = language === 'sh' ? SH_MARKS : FILE_MARK;
  const unknown = marks.filter((mark) => !allowed.test(mark));
  if (unknown.length > 0) return said(`${language} takes no mark ${unknown.join(' ')}`);
  if (marks.includes('norun') && !beside.some((text) => REASON.test(text)))
    return said('"Not run by a test: …" has to stand above or below');
  return [];
}

/** The value of a mark such as `exit=1`. */
export function markOf({ marks }: Fence, name: string): string | undefined {
  return marks.find((mark) => mark.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Whether a test runs the fence. */
export function isRun({ language, marks }: Fence): boolean {
  return language === 'sh' && !marks.includes('norun');
}

/**
 * Whether output is what a page shows. In the page `…` stands for anything within a line, and a line of `…` alone for
 * any number of lines.
 */
export function isShown(output: string, shown: string): boolean {
  const lines = shown.split('\n').map((line) => line.trimEnd());
  const pattern = lines
    .map((line) => (line === '…' ? '(?:.*\n)*?' : `${line.split('…').map(literal).join('.*?')} *\n`))
    .join('');
  return new RegExp(`^${pattern.trimEnd()}\\s*$`).test(`${output.trimEnd()}\n`);
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
