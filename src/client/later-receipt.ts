import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { evidenceOfReceipts, formatEvidence } from '../core/evidence/evidence.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { verifyInclusion } from '../core/merkle/inclusion.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import type { Receipt } from '../core/proof/receipt.ts';
import type { LogCalls } from './log-calls.ts';
import type { Mark } from './mark.ts';
import { askInclusion, type ProofQuery } from './proofs.ts';
import type { LogTrust } from './trust.ts';

/** What a later proof is asked and verified with. */
export interface LaterDeps {
  readonly calls: LogCalls;
  readonly hasher: TreeHasher;
  readonly trust: LogTrust;
}

/**
 * The leaf of a verified receipt under a head that satisfies the policy. The head is not connected with any other yet.
 * @throws TlogError fork with evidence when that head has another leaf there; malformed_answer, and as askInclusion, LogTrust.published, verifyInclusion
 */
export async function laterReceipt(
  { calls, hasher, trust }: LaterDeps,
  receipt: Receipt,
  query: ProofQuery,
): Promise<{ readonly later: Receipt; readonly head: VerifiedCheckpoint }> {
  const { checkpoint, index, leafHash, inclusionProof } = await askInclusion(calls, receipt.index, query);
  if (checkpoint === undefined)
    throw new TlogError('malformed_answer', 'a proof of a published head has no checkpoint');
  const { checkpoint: head } = await trust.published(checkpoint);
  const { size, rootHash } = head;
  verifyInclusion(hasher, { index, size, leafHash, proof: inclusionProof, root: rootHash });
  const later = { index, leafHash, treeSize: size, rootHash, inclusionProof, checkpoint };
  checkSameLeaf(receipt, later);
  return { later, head };
}

/** Why the head of a verified receipt was not taken, and the head that is known instead. */
export interface Refusal {
  readonly cause: unknown;
  readonly head: Mark | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Throws `cause`, or `fork` with evidence when the leaf of the receipt is another one under the known head: what the log does not
 * show of how its trees stand, it may show of a leaf.
 */
export async function refuseReceipt(
  deps: LaterDeps,
  receipt: Receipt,
  { cause, ...known }: Refusal,
): Promise<never> {
  const isKnown = !(cause instanceof TlogError) || cause.code === 'fork';
  if (!isKnown) await checkLeafUnder(deps, receipt, known).catch(unlessFork);
  throw cause;
}

async function checkLeafUnder(
  { calls, hasher }: LaterDeps,
  receipt: Receipt,
  { head, signal }: Omit<Refusal, 'cause'>,
): Promise<void> {
  if (head === undefined || receipt.index >= head.size) return;
  const { size, rootHash, note: checkpoint } = head;
  const answer = await askInclusion(calls, receipt.index, { treeSize: size, signal });
  const { index, leafHash, inclusionProof } = answer;
  verifyInclusion(hasher, { index, size, leafHash, proof: inclusionProof, root: rootHash });
  checkSameLeaf(receipt, { index, leafHash, treeSize: size, rootHash, inclusionProof, checkpoint });
}

function unlessFork(error: unknown): void {
  if (!(error instanceof TlogError) || error.code === 'fork') throw error;
}

function checkSameLeaf(receipt: Receipt, later: Receipt): void {
  if (equalBytes(later.leafHash, receipt.leafHash)) return;
  const message = `leaf ${receipt.index} was another one when the receipt was given; the two receipts are evidence`;
  const evidence = formatEvidence(evidenceOfReceipts(receipt, later));
  throw new TlogError('fork', message, {
    details: { keptNote: receipt.checkpoint, freshNote: later.checkpoint, evidence },
  });
}
