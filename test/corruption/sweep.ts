import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../support/seeded-random.ts';
import { CLASSES, type FileClass, KINDS, type Kind, Mutator, mutatedCopy } from './mutation.ts';
import { makeReference, type Reference } from './reference.ts';
import { mutatedRow } from './row-mutation.ts';
import { type AnyMutation, type SweepResult, Tally, violationsOf } from './tally.ts';
import { toJson } from './target.ts';
import type { Trial } from './trial.ts';
import { TryWorker } from './try-worker.ts';

/** How often each sort of change is tried, of a hundred. Small files have few ways to be wrong. */
const WEIGHT_OF_CLASS: Readonly<Record<FileClass, number>> = {
  log: 16,
  table: 20,
  row: 18,
  manifest: 6,
  current: 2,
  guard: 8,
  key: 2,
  'log.json': 4,
  'stele.json': 1,
  'tokens.json': 3,
  'config.yaml': 1,
  seeds: 5,
  raw: 4,
  'id-secret': 2,
  'published.json': 3,
  'scrub.json': 2,
  'damage.json': 3,
};
const WEIGHT_OF_KIND: Readonly<Record<Kind, number>> = {
  flip: 60,
  cut: 14,
  zero: 12,
  swap: 6,
  delete: 4,
  stale: 4,
};

export interface SweepOptions {
  /** The compiled worker.ts. */
  readonly program: string;
  readonly mutations: number;
  /** In each log. */
  readonly entries: number;
  readonly seed: number;
  /** Only of this class. */
  readonly only?: FileClass;
  /** Gets each change and what became of it, and all violations until then. */
  readonly onTrial?: (
    done: number,
    mutation: AnyMutation,
    trial: Trial,
    violations: readonly string[],
  ) => void;
}

/** Damages copies of two logs in many ways and uses each as a client would. */
export async function sweep(options: SweepOptions): Promise<SweepResult> {
  const random = new SeededRandom(options.seed);
  const root = await mkdtemp(join(tmpdir(), 'stele-sweep-'));
  try {
    const reference = await makeReference(join(root, 'reference'), options.entries, random);
    return await trials(root, reference, random, options);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function trials(
  root: string,
  reference: Reference,
  random: SeededRandom,
  { program, mutations, only, onTrial }: SweepOptions,
): Promise<SweepResult> {
  const mutator = new Mutator(reference, random);
  const result = new Tally();
  const file = join(root, 'reference.json');
  const names = ['entries', 'events', 'damaged'] as const;
  await writeFile(file, toJson(names.map((name) => reference[name])));
  using worker = new TryWorker(program, file);
  const copy = join(root, 'copy');
  for (let done = 0; done < mutations; ) {
    const [fileClass, kind] = choice(random, done, only);
    const mutation = await (fileClass === 'row'
      ? mutatedRow(reference, copy, kind, random)
      : mutator.make(fileClass, kind));
    if (mutation === undefined) continue;
    done += 1;
    if (!('row' in mutation)) await mutatedCopy(reference[mutation.target].folder, copy, mutation);
    const scrubs = mutation.fileClass === 'scrub.json';
    const trial = await worker.try({ copy, target: names.indexOf(mutation.target), scrubs });
    result.count(mutation, trial);
    onTrial?.(done, mutation, trial, violationsOf(result.lists));
  }
  return result.lists;
}

/** Every class with every kind first, then by weight. */
function choice(random: SeededRandom, done: number, only: FileClass | undefined): [FileClass, Kind] {
  if (only !== undefined) return [only, weighted(random, WEIGHT_OF_KIND)];
  const fileClass = CLASSES[done % CLASSES.length];
  const kind = KINDS[Math.floor(done / CLASSES.length)];
  // What cannot be made, such as a swap in a file of one byte, is drawn anew.
  if (fileClass !== undefined && kind !== undefined && random.next() < 0.9) return [fileClass, kind];
  return [weighted(random, WEIGHT_OF_CLASS), weighted(random, WEIGHT_OF_KIND)];
}

function weighted<T extends string>(random: SeededRandom, weights: Readonly<Record<T, number>>): T {
  const all = Object.entries(weights) as [T, number][];
  let left = random.next() * all.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of all) {
    left -= weight;
    if (left < 0) return name;
  }
  throw new RangeError('the weights do not add up');
}
