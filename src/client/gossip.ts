import { utf8Encode } from '../core/encoding/utf8.ts';
import { TlogError } from '../core/error.ts';
import { parseEvidence } from '../core/evidence/evidence.ts';
import { judgeEvidence } from '../core/evidence/judge.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { parseCheckpoint, type VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import { parseNote } from '../core/note/signed-note.ts';
import type { HeadTracker } from './head-tracker.ts';
import type { LogCalls } from './log-calls.ts';
import type { LogTrust } from './trust.ts';

/** Of the longest answer that a monitor gives (GOSSIP-1). */
const ANSWER_BYTES_MAX: number = 12 * 1024 * 1024;
const NOTES_MAX = 100;

/** What a talk with a monitor needs. `calls` are those to the monitor. */
export interface GossipDeps {
  readonly calls: LogCalls;
  readonly hasher: TreeHasher;
  readonly trust: LogTrust;
  readonly heads: HeadTracker;
  readonly signal: AbortSignal | undefined;
}

/**
 * Shows a monitor the head that is known, and holds the log to what the monitor has seen of it: each head is connected with the
 * known one. Gives back the monitor's heads of this log. Heads of other logs, and what no key of the log has signed, are passed over.
 * @throws TlogError fork with evidence, when evidence convicts or the log's own proof shows two trees; beyond_log_head when the log does
 * not know a head of the monitor yet; others as proveConsistent
 */
export async function gossipWith(deps: GossipDeps): Promise<readonly VerifiedCheckpoint[]> {
  const { calls, heads, signal } = deps;
  const own = await heads.largest();
  const body = utf8Encode(JSON.stringify({ checkpoints: own === undefined ? [] : [own.note] }));
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
  const path = 'gossip/v1/checkpoints';
  const { fields } = await calls.askFields({
    ...{ method: 'POST', path, bytesMax: ANSWER_BYTES_MAX, headers, body, signal },
  });
  const { evidence, notes } = readAnswer(fields);
  for (const text of evidence) await judge(deps, text);
  const seen: VerifiedCheckpoint[] = [];
  for (const note of notes) {
    const head = await ownHead(deps.trust, note);
    if (head === undefined) continue;
    await heads.compare(head, signal);
    seen.push(head);
  }
  return seen;
}

/** Only what convicts is believed; with keys of logs alone it can convict nobody else. What does not says nothing. */
async function judge({ hasher, trust }: GossipDeps, text: string): Promise<void> {
  const { keys, ed25519 } = trust;
  const conviction = await nothingIfWrong(async () =>
    judgeEvidence(hasher, parseEvidence(text), { keys, ed25519 }),
  );
  if (conviction === undefined) return;
  const sizes = conviction.sizes.join(' and ');
  const message = `the log has signed two histories: sizes ${sizes}; a monitor had the evidence`;
  throw new TlogError('fork', message, { details: { evidence: text } });
}

function ownHead(trust: LogTrust, note: string): Promise<VerifiedCheckpoint | undefined> {
  return nothingIfWrong(async () => {
    if (parseCheckpoint(parseNote(note).text).origin !== trust.origin) return undefined;
    return trust.signed(note);
  });
}

async function nothingIfWrong<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TlogError) return undefined;
    throw error;
  }
}

interface Answer {
  readonly evidence: readonly string[];
  readonly notes: readonly string[];
}

function readAnswer(value: unknown): Answer {
  const { results, checkpoints }: Readonly<Record<string, unknown>> = { ...(value as object) };
  const isList = (list: unknown): list is readonly unknown[] =>
    Array.isArray(list) && list.length <= NOTES_MAX;
  if (!isList(results) || !isList(checkpoints))
    throw new TlogError('malformed_answer', 'not an answer to gossip: is this the address of a monitor?');
  const texts = (list: readonly unknown[]): string[] => list.filter((each) => typeof each === 'string');
  return {
    evidence: texts(results.map((result) => ({ ...(result as { evidence?: unknown }) }).evidence)),
    notes: texts(checkpoints),
  };
}
