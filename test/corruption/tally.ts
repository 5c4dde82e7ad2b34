import type { FileClass, Mutation } from './mutation.ts';
import { isRightPlace } from './place.ts';
import type { RowMutation } from './row-mutation.ts';
import type { Trial } from './trial.ts';

export type AnyMutation = Mutation | RowMutation;

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
  /** An older state, or none, in a file that nothing else tells of: what it says is true, or nothing is allowed. */
  otherState: number;
}

/** What a sweep came to. All but the table must be empty. */
export interface SweepResult {
  readonly byClass: Readonly<Record<string, ClassResult>>;
  readonly wrong: readonly string[];
  readonly badHeads: readonly string[];
  readonly missed: readonly string[];
  /** What fsck found in another place than that of the damage. */
  readonly misplaced: readonly string[];
  /** What a scrubber calls damaged that is not. */
  readonly accused: readonly string[];
  readonly bugs: readonly string[];
}

/** Everything that must not be, of a sweep: the one rule, for the test and for `npm run corruption`. */
export function violationsOf({ byClass: _, ...violations }: SweepResult): readonly string[] {
  return Object.entries(violations).flatMap(([name, found]) => found.map((text) => `${name}: ${text}`));
}

const NONE: Readonly<ClassResult> = {
  ...{ mutations: 0, refused: 0, died: 0, partly: 0, harmless: 0 },
  ...{ missed: 0, foundHarmless: 0, repeated: 0, otherState: 0 },
};

/** What no other byte contradicts (spec STORE-15, SCRUB-1, EVENT-19, docs/explanation/durability.md). */
function isOtherState(mutation: AnyMutation): boolean {
  const { fileClass, kind } = mutation;
  if ('row' in mutation) return isRowOfItsOwn(mutation);
  const isOlder = kind === 'stale' || kind === 'delete';
  return isOlder && OF_THEIR_OWN.includes(fileClass);
}

/** Findings that are in no file any more are made again: the audit tells another time. */
const OF_THEIR_OWN: readonly FileClass[] = ['tokens.json', 'published.json', 'damage.json'];

/** A byte of a payload row that says of which form it is, and the HMAC behind it. */
const PAYLOAD_HEAD_BYTES = 33;

/** Retry keys and verbatim bytes that are gone; what nobody else says, under a right check. */
function isRowOfItsOwn({ row: { part }, kind, sealedAt }: RowMutation): boolean {
  const isRetry = part === 'retry' || part === 'event-retry';
  if (kind === 'delete') return isRetry || part === 'raw';
  if (sealedAt === undefined) return false;
  return isRetry || (part === 'payload' && sealedAt < PAYLOAD_HEAD_BYTES);
}

type Lists = { readonly byClass: Record<string, ClassResult> } & {
  readonly [K in Exclude<keyof SweepResult, 'byClass'>]: string[];
};

/** Judges trials. */
export class Tally {
  readonly lists: Lists = {
    ...{ byClass: {}, wrong: [], badHeads: [], missed: [] },
    ...{ misplaced: [], accused: [], bugs: [] },
  };

  count(mutation: AnyMutation, trial: Trial): void {
    const { lists } = this;
    const counts = lists.byClass[mutation.fileClass] ?? { ...NONE };
    lists.byClass[mutation.fileClass] = counts;
    counts.mutations += 1;
    const at = (text: string): string => `${mutation.what}: ${text}`;
    const isEffective = this.#countEffect(counts, trial);
    const isOther = isOtherState(mutation);
    if (isOther) counts.otherState += 1;
    else if (isEffective && trial.fsck === undefined) {
      counts.missed += 1;
      lists.missed.push(at(effectOf(trial)));
    }
    if (!isOther) lists.wrong.push(...trial.older.map(at));
    if (!isOther && trial.fsck !== undefined && !isRightPlace(mutation, trial.fsck))
      lists.misplaced.push(at(JSON.stringify(trial.fsck)));
    lists.wrong.push(...trial.wrong.filter((path) => !isOther || path !== 'audit').map(at));
    lists.badHeads.push(...trial.badHeads.map(at));
    lists.bugs.push(...trial.bugs.map(at));
    lists.accused.push(...trial.scrubbed.map(at));
  }

  /** Whether it had one. */
  #countEffect(counts: ClassResult, trial: Trial): boolean {
    const { refusal, fsck } = trial;
    const changes = trial.failed + trial.wrong.length + trial.older.length + trial.badHeads.length;
    const isEffective = refusal !== undefined || changes + trial.repeated > 0;
    if (refusal?.startsWith('the process ended') === true) counts.died += 1;
    else if (refusal !== undefined) counts.refused += 1;
    else if (isEffective) counts.partly += 1;
    else counts.harmless += 1;
    if (!isEffective && fsck !== undefined) counts.foundHarmless += 1;
    if (trial.repeated > 0) counts.repeated += 1;
    return isEffective;
  }
}

function effectOf({ refusal, failed, wrong, repeated }: Trial): string {
  const partly = `${failed} answers failed, ${wrong.length} are wrong, ${repeated} retries are there twice`;
  return refusal ?? partly;
}
