import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { type Bench, type Mode, type Row, workFolder } from './harness/bench.ts';
import { isMet, type RowResult } from './harness/finding.ts';
import { diskOf, SERVER } from './harness/paths.ts';
import {
  describeCommit,
  describeMachine,
  describeVersions,
  type Results,
  readAllResults,
  writeResults,
} from './harness/results.ts';
import type { Pace } from './harness/rounds.ts';
import { straceRuns } from './harness/strace.ts';
import { formatTable } from './harness/table.ts';
import { buildTessera, goVersion } from './peers/tessera.ts';
import { ROWS } from './rows/rows.ts';

const USAGE = `usage: npm run bench -- [--only ROW[,ROW]] [--full] [--rounds N] [--seconds S] [--dir DISK] [--resume] [--json]
rows: ${ROWS.map((row) => row.name).join(' ')}
`;

const PACES: Readonly<Record<Mode, Pace>> = {
  full: { rounds: 7, seconds: 3, warmUpSeconds: 3, restMs: 300 },
  quick: { rounds: 5, seconds: 0.8, warmUpSeconds: 1.5, restMs: 50 },
  smoke: { rounds: 1, seconds: 1, warmUpSeconds: 0.5, restMs: 0 },
};

interface Arguments {
  readonly mode: Mode;
  readonly pace: Pace;
  readonly rows: readonly Row[];
  readonly base: string;
  readonly resume: boolean;
  readonly json: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      full: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      dir: { type: 'string', default: tmpdir() },
      resume: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const mode = values.full ? 'full' : values.smoke ? 'smoke' : 'quick';
  const { rounds, seconds } = values;
  const pace = {
    ...PACES[mode],
    ...(rounds === undefined ? {} : { rounds: positive('rounds', rounds) }),
    ...(seconds === undefined ? {} : { seconds: positive('seconds', seconds) }),
  };
  return {
    mode,
    pace,
    rows: chosen(values.only),
    base: values.dir,
    resume: values.resume,
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new TypeError(`--${name} takes a number above 0`);
}

function chosen(only: string | undefined): readonly Row[] {
  if (only === undefined) return ROWS;
  const names = only.split(',');
  const unknown = names.filter((name) => !ROWS.some((row) => row.name === name));
  if (unknown.length > 0) throw new TypeError(`there is no row ${unknown.join(', ')}`);
  return ROWS.filter((row) => names.includes(row.name));
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function runRow(row: Row, bench: Bench): Promise<RowResult> {
  say(`${row.name}: ${row.title}`);
  const startMs = performance.now();
  const seconds = (): number => Math.round((performance.now() - startMs) / 100) / 10;
  const { name, title } = row;
  try {
    const { findings, samples = {}, notes = [] } = await row.run(bench);
    for (const note of notes) say(`  ${note}`);
    return { row: name, title, findings, samples, notes, seconds: seconds() };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(`  failed: ${text}`);
    return { row: name, title, findings: [], samples: {}, notes: [], seconds: seconds(), error: text };
  }
}

/** The rows of the newest unfinished run of this commit and mode that went well. */
async function resumed(mode: Mode, commit: string): Promise<Results | undefined> {
  const runs = await readAllResults();
  return runs.filter((run) => run.mode === mode && run.commit === commit).at(-1);
}

async function begin({ mode, pace, base, resume }: Arguments): Promise<Results> {
  const commit = await describeCommit();
  const before = resume ? await resumed(mode, commit.commit) : undefined;
  if (before !== undefined) return { ...before, rows: before.rows.filter((row) => row.error === undefined) };
  return {
    schema: 1,
    mode,
    startedAt: new Date().toISOString(),
    ...commit,
    machine: describeMachine(await diskOf(base)),
    versions: await describeVersions(await goVersion()),
    method: {
      ...pace,
      entryBytes: 300,
      order: 'A B C A B C',
      loadGenerator: 'autocannon in the process of the bench',
    },
    rows: [],
  };
}

async function main(): Promise<void> {
  const args = readArguments();
  let results = await begin(args);
  await using work = await workFolder(args.base);
  const tessera = await buildTessera(await work.folder());
  if (tessera === undefined) say('go is not here: Tessera is left out');
  const bench: Bench = {
    mode: args.mode,
    pace: args.pace,
    program: SERVER,
    tessera,
    hasStrace: await straceRuns(),
    folder: work.folder,
    say,
  };
  const wanted = args.rows.filter((row) => !results.rows.some((done) => done.row === row.name));
  for (const row of wanted) {
    results = { ...results, rows: [...results.rows, await runRow(row, bench)] };
    if (args.mode !== 'smoke') await writeResults(results);
  }
  console.log(args.json ? JSON.stringify(results, undefined, 1) : formatTable(results.rows));
  process.exitCode = results.rows.some((row) => row.error !== undefined) ? 1 : 0;
  const missed = results.rows
    .flatMap((row) => row.findings)
    .filter((finding) => isMet(finding) === false).length;
  say(`${results.rows.length} rows, ${missed} goals missed`);
}

if (process.argv.includes('--help')) process.stdout.write(USAGE);
else await main();
