import { tmpdir } from 'node:os';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { Mode, Row } from '../harness/bench.ts';
import { SERVER } from '../harness/paths.ts';
import type { Pace } from '../harness/rounds.ts';

/** How long each mode measures. */
export const PACES: Readonly<Record<Mode, Pace>> = {
  full: { rounds: 7, seconds: 2.5, warmUpSeconds: 3, restMs: 300 },
  quick: { rounds: 5, seconds: 0.3, warmUpSeconds: 0.4, restMs: 30 },
  smoke: { rounds: 1, seconds: 1, warmUpSeconds: 0.5, restMs: 0 },
};

/** What a run was asked for. */
export interface Arguments {
  readonly mode: Mode;
  readonly pace: Pace;
  /** Names of rows; undefined for all. */
  readonly only: readonly string[] | undefined;
  /** The folder, on a disk, below which all data lies while it is measured. */
  readonly base: string;
  /** Go on with the newest run of the same commit and mode. */
  readonly resume: boolean;
  readonly json: boolean;
  /** The built server under test. */
  readonly program: string;
  /** What is no option: two commits to compare, or a file of results. */
  readonly rest: readonly string[];
}

const OPTIONS = {
  only: { type: 'string' },
  full: { type: 'boolean', default: false },
  smoke: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  dir: { type: 'string', default: tmpdir() },
  program: { type: 'string', default: SERVER },
  resume: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

/** Reads a command line. @throws TypeError for what it does not know */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals: rest } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
  });
  const mode = values.full ? 'full' : values.smoke ? 'smoke' : 'quick';
  const { rounds, seconds, only } = values;
  const pace = {
    ...PACES[mode],
    ...(rounds === undefined ? {} : { rounds: positive('rounds', rounds) }),
    ...(seconds === undefined ? {} : { seconds: positive('seconds', seconds) }),
  };
  const { dir: base, program, resume, json } = values;
  return { mode, pace, only: only?.split(','), base, program, resume, json, rest };
}

/** The rows of these names, in the order of the table. @throws TypeError for a name that is none */
export function chosenRows(rows: readonly Row[], only: readonly string[] | undefined): readonly Row[] {
  if (only === undefined) return rows;
  const unknown = only.filter((name) => !rows.some((row) => row.name === name));
  if (unknown.length > 0)
    throw new TypeError(`no row ${unknown.join(', ')}; there are ${rows.map(({ name }) => name).join(' ')}`);
  return rows.filter(({ name }) => only.includes(name));
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new TypeError(`--${name} takes a number above 0`);
}
