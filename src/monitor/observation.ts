import type { AlertKind } from '../alert/alert.ts';
import { type ErrorKind, TlogError } from '../core/error.ts';

/** What a monitor can see of a log. */
export type ObservedKind = Exclude<AlertKind, 'damage' | 'witness_in_doubt' | 'test'>;

/** What somebody has to look at. Hashes are base64. */
export interface Observation {
  readonly kind: ObservedKind;
  readonly message: string;
  readonly sizes?: readonly number[];
  readonly index?: number;
  readonly expectedHash?: string;
  readonly actualHash?: string;
  /** As that of an alert: tells apart what sizes and hashes do not, and holds together what grows with the log. */
  readonly cause?: string;
  /** Text of a file that convicts the log; of a fork. */
  readonly evidence?: string;
  /** Notes to keep, where nothing convicts. */
  readonly notes?: readonly string[];
}

/** Kinds of failure that say something of the way to the log, and nothing of its tree: never a reason to call it forked. */
const NO_ANSWER: readonly ErrorKind[] = [
  ...(['unavailable', 'busy', 'timeout', 'limited', 'absent', 'unauthorized', 'forbidden', 'full'] as const),
];

/** What a failed look at a head came to; undefined: there was no answer to judge. `url` is where it came from. */
export function observationOfHead(error: TlogError, url: string): Observation | undefined {
  if (NO_ANSWER.includes(error.kind)) return undefined;
  const message = error.message.startsWith(url) ? error.message : `${url}: ${error.message}`;
  if (error.code === 'policy_not_met') return { kind: 'missing_witnesses', message };
  return { kind: 'bad_signature', message, cause: causeOf(error) };
}

/** What a failed look at the tree of a signed head came to; undefined: there was no answer to judge. */
export function observationOfTree(error: TlogError, size: number): Observation | undefined {
  const { code, kind, message } = error;
  if (code === 'fork') return { kind: code, message, ...factsOf(error) };
  if (code === 'rollback') return rollback(message, factsOf(error));
  const facts = { message, sizes: [size], cause: causeOf(error) };
  if (code === 'entry_mismatch') return { kind: 'bad_entry', ...facts, ...factsOf(error) };
  // A tile that is not there is no lack of an answer: the log has signed it.
  if (kind === 'absent') return { kind: 'no_proof', ...facts };
  return NO_ANSWER.includes(kind) ? undefined : { kind: 'bad_tile', ...facts };
}

/** One while the log stays below the same head, however it grows there. */
function rollback(message: string, facts: Partial<Observation>): Observation {
  return { kind: 'rollback', message, ...facts, cause: `below ${Math.max(...(facts.sizes ?? []))}` };
}

/** Why a log is not followed. */
export function observationOfRefusal(error: TlogError): Observation {
  return { kind: 'refused', message: error.message, cause: error.code, ...factsOf(error) };
}

/** The same for one damaged place while the log grows. */
function causeOf({ code, details: { index, place, witness } }: TlogError): string {
  const where = typeof index === 'number' ? `entry ${index}` : (place ?? witness);
  return where === undefined ? code : `${code} ${where}`;
}

function factsOf({ details }: TlogError): Partial<Observation> {
  const { evidence, keptNote, freshNote, sizes, index, expectedHash, actualHash } = details;
  const notes = [keptNote, freshNote].filter((note) => typeof note === 'string');
  return {
    ...(Array.isArray(sizes) ? { sizes: sizes.map(Number) } : {}),
    ...(typeof index === 'number' ? { index } : {}),
    ...(typeof expectedHash === 'string' ? { expectedHash } : {}),
    ...(typeof actualHash === 'string' ? { actualHash } : {}),
    ...(typeof evidence === 'string' ? { evidence } : {}),
    ...(notes.length > 0 ? { notes } : {}),
  };
}

/** Runs a part of a look; what a TlogError comes to is left to `judge`. Own bugs and failures that end the process pass through. */
export async function observed(
  work: () => Promise<void>,
  judge: (error: TlogError) => Observation | undefined,
): Promise<{ readonly found: readonly Observation[]; readonly unanswered?: TlogError }> {
  try {
    await work();
    return { found: [] };
  } catch (error) {
    if (!(error instanceof TlogError) || error.kind === 'fatal' || error.kind === 'refused') throw error;
    const found = judge(error);
    return found === undefined ? { found: [], unanswered: error } : { found: [found] };
  }
}
