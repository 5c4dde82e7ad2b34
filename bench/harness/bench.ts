import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowResult, Unit } from './finding.ts';
import type { Pace } from './rounds.ts';
import type { Contender, Sample } from './sample.ts';

/** How much is measured: all rows, a sketch of them, or only that they work. */
export type Mode = 'full' | 'quick' | 'smoke';

/** What a row may use. */
export interface Bench {
  readonly mode: Mode;
  readonly pace: Pace;
  /** The built server under test: a path of dist/cli/main.js. */
  readonly program: string;
  /** The peer's binary; undefined when Go is missing. */
  readonly tessera: string | undefined;
  readonly hasStrace: boolean;
  /** Makes an empty folder on the disk that is measured. */
  folder(): Promise<string>;
  /** Progress, on stderr. */
  say(text: string): void;
}

/** What a row hands back; the runner adds its name and its time. */
export interface Outcome extends Pick<RowResult, 'findings' | 'error'> {
  readonly samples?: RowResult['samples'];
  readonly notes?: readonly string[];
}

/** One row of the bench, by the name that `--only` takes. */
export interface Row {
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<Outcome>;
  /** What the rate of `open` counts; requests unless said otherwise. */
  readonly unit?: Unit;
  /** Stele at this work alone, for comparing two versions of it; absent where a row is more than one load. */
  open?(bench: Bench): Promise<Contender>;
}

/** Makes folders below one place and removes them all at the end, however the process ends. */
export async function workFolder(base: string): Promise<{ folder(): Promise<string> } & AsyncDisposable> {
  const root = await mkdtemp(join(base, 'stele-bench-'));
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  process.once('exit', remove);
  return {
    folder: () => mkdtemp(join(root, 'w-')),
    [Symbol.asyncDispose]: async () => {
      process.removeListener('exit', remove);
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Prints one sample as it comes. */
export function saySample(bench: Bench, name: string, sample: Sample): void {
  const rate = Math.round(sample.perSec).toLocaleString('en-US');
  const cores = `server ${sample.serverCores.toFixed(2)} + load ${sample.loadCores.toFixed(2)} cores`;
  bench.say(
    `  ${name}: ${rate}/s, p50 ${sample.p50Ms.toFixed(2)} ms, p99 ${sample.p99Ms.toFixed(2)} ms, ${cores}`,
  );
}
