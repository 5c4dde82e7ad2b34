import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../support/seeded-random.ts';
import {
  CLASSES,
  type FileClass,
  KINDS,
  type Kind,
  type Mutation,
  Mutator,
  mutatedCopy,
} from './mutation.ts';
import { makeReference, type Reference, toJson, withAnswers } from './reference.ts';
import type { Trial } from './trial.ts';
import { TryWorker } from './try-worker.ts';

/** How often each sort of change is tried, of a hundred. Small files have few ways to be wrong. */
const WEIGHT_OF_CLASS: Readonly<Record<FileClass, number>> = {
  log: 24,
  table: 34,
  manifest: 10,
  current: 4,
  guard: 12,
  key: 5,
  'log.json': 7,
  'stele.json': 4,
};
const WEIGHT_OF_KIND: Readonly<Record<Kind, number>> = {
  flip: 60,
  cut: 14,
  zero: 12,
  swap: 6,
  delete: 4,
  stale: 4,
};

/** Counts of one class of files. */
export interface ClassResult {
  mutations: number;
  refused: number;
  /** LevelDB ended the process: it asserts what a rotten block breaks. */
  died: number;
  /** Started, and some answers were no longer 200. */
  partly: number;
  /** No effect on any answer. */
  harmless: number;
  /** Of those with an effect, what fsck did not find. */
  missed: number;
  /** Found by fsck although no answer changed. */
  foundHarmless: number;
  /** Where retries were appended again: their rows were lost. It has an effect, so fsck must find it as well. */
  repeated: number;
}

/** What a sweep came to. All but the table must be empty. */
export interface SweepResult {
  readonly byClass: Readonly<Record<string, ClassResult>>;
  readonly wrong: readonly string[];
  readonly badHeads: readonly string[];
  readonly missed: readonly string[];
  readonly bugs: readonly string[];
}

export interface SweepOptions {
  /** The compiled worker.ts. */
  readonly program: string;
  readonly mutations: number;
  readonly entries: number;
  readonly seed: number;
  /** Gets each change and what became of it, and all violations until then. */
  readonly onTrial?: (done: number, mutation: Mutation, trial: Trial, violations: readonly string[]) => void;
}

/** Everything that must not be, of a sweep: the one rule, for the test and for `npm run corruption`. */
export function violationsOf({ byClass: _, ...violations }: SweepResult): readonly string[] {
  return Object.entries(violations).flatMap(([name, found]) => found.map((text) => `${name}: ${text}`));
}

/** Damages copies of one log in many ways and uses each as a client would. */
export async function sweep(options: SweepOptions): Promise<SweepResult> {
  const random = new SeededRandom(options.seed);
  const root = await mkdtemp(join(tmpdir(), 'stele-sweep-'));
  try {
    const reference = await withAnswers(
      await makeReference(join(root, 'reference'), options.entries, random),
    );
    return await trials(root, reference, random, options);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function trials(
  root: string,
  reference: Reference,
  random: SeededRandom,
  { program, mutations, onTrial }: SweepOptions,
): Promise<SweepResult> {
  const mutator = new Mutator(reference.folder, reference.older, random);
  const result = {
    byClass: {} as Record<string, ClassResult>,
    wrong: [],
    badHeads: [],
    missed: [],
    bugs: [],
  };
  const file = join(root, 'reference.json');
  await writeFile(file, toJson(reference));
  using worker = new TryWorker(program, file);
  for (let done = 0; done < mutations; ) {
    const mutation = await mutator.make(...choice(random, done));
    if (mutation === undefined) continue;
    done += 1;
    const copy = join(root, 'copy');
    await mutatedCopy(reference.folder, copy, mutation);
    const trial = await worker.try(copy);
    count(result, mutation, trial);
    onTrial?.(done, mutation, trial, violationsOf(result));
  }
  return result;
}

/** Every class with every kind first, then by weight. */
function choice(random: SeededRandom, done: number): [FileClass, Kind] {
  const fileClass = CLASSES[done % CLASSES.length]?.[0];
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

const NONE: Readonly<ClassResult> = {
  mutations: 0,
  refused: 0,
  died: 0,
  partly: 0,
  harmless: 0,
  missed: 0,
  foundHarmless: 0,
  repeated: 0,
};

type Lists = { [K in 'wrong' | 'badHeads' | 'missed' | 'bugs']: string[] };

function count(
  result: Lists & { byClass: Record<string, ClassResult> },
  mutation: Mutation,
  trial: Trial,
): void {
  const counts = result.byClass[mutation.fileClass] ?? { ...NONE };
  result.byClass[mutation.fileClass] = counts;
  counts.mutations += 1;
  const isEffective =
    trial.refusal !== undefined ||
    trial.failed + trial.wrong.length + trial.badHeads.length + trial.repeated > 0;
  if (trial.refusal?.startsWith('the process ended') === true) counts.died += 1;
  else if (trial.refusal !== undefined) counts.refused += 1;
  else if (isEffective) counts.partly += 1;
  else counts.harmless += 1;
  if (!isEffective && trial.fsck !== undefined) counts.foundHarmless += 1;
  const at = (text: string): string => `${mutation.what}: ${text}`;
  if (isEffective && trial.fsck === undefined) {
    counts.missed += 1;
    result.missed.push(
      at(
        trial.refusal ??
          `${trial.failed} answers failed, ${trial.wrong.length} are wrong, ${trial.repeated} retries are there twice`,
      ),
    );
  }
  result.wrong.push(...trial.wrong.map(at));
  result.badHeads.push(...trial.badHeads.map(at));
  result.bugs.push(...trial.bugs.map(at));
  if (trial.repeated > 0) counts.repeated += 1;
}
