import type { TreeHasher } from '../core/merkle/hasher.ts';
import { verifyMultiProof } from '../core/merkle/multi-proof.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import type { Receipt } from '../core/proof/receipt.ts';
import type { LeafIndex } from '../core/units.ts';
import { type WitnessState, witnessState } from './ack.ts';
import { readBatch, readReceipt } from './answers.ts';
import { leavesOfBatch } from './batch-check.ts';
import type { LogCalls } from './log-calls.ts';
import { askMulti } from './proofs.ts';
import { type AppendOptions, Submissions } from './submissions.ts';
import type { LogTrust } from './trust.ts';

/** A leaf that is proven to be in the tree of `head`. The receipt can be kept and verified offline. */
export interface ProvenLeaf {
  readonly receipt: Receipt;
  readonly head: VerifiedCheckpoint;
}

/**
 * `isNew` is false where an earlier entry answered for it, a try of this very call included; undefined where the log has waited for
 * witnesses in vain (`witnesses` is `awaited`): then it does not say.
 */
export interface AppendedEntry extends ProvenLeaf {
  readonly isNew: boolean | undefined;
  readonly witnesses: WitnessState;
}

/** In the order of the entries. */
export interface AppendedBatch {
  readonly indexes: readonly LeafIndex[];
  readonly isNew: readonly boolean[];
  readonly head: VerifiedCheckpoint;
  readonly witnesses: WitnessState;
}

/** What appends are sent and verified with. */
export interface AppendsDeps {
  readonly calls: LogCalls;
  readonly hasher: TreeHasher;
  readonly trust: LogTrust;
  /** As of LogClient, as the next one. */
  verify(
    receipt: Receipt,
    options: { readonly entry: Uint8Array; readonly signal: AbortSignal | undefined },
  ): Promise<VerifiedCheckpoint>;
  verifyHead(
    note: string,
    options: { readonly signal: AbortSignal | undefined },
  ): Promise<VerifiedCheckpoint>;
}

/** Appends that are verified before they are given out: the log's signature and the proof always, cosignatures where asked for. */
export class Appends {
  readonly #deps: AppendsDeps;
  readonly #submissions: Submissions;

  constructor(deps: AppendsDeps) {
    this.#deps = deps;
    this.#submissions = new Submissions(deps.calls);
  }

  /** @throws TlogError as Submissions.entry, LogClient.verify, witnessState */
  entry(entry: Uint8Array, options: AppendOptions): Promise<AppendedEntry> {
    const { ack, signal } = options;
    return this.#submissions.entry(entry, options, async (answer) => {
      const receipt = readReceipt(answer.fields);
      const head = await this.#deps.verify(receipt, { entry, signal });
      const { checkpoint } = receipt;
      const witnesses = await witnessState(this.#deps.trust, { ack, answer, checkpoint });
      return { receipt, head, isNew: witnesses === 'awaited' ? undefined : answer.status === 201, witnesses };
    });
  }

  /** Verified with one multi-proof. @throws TlogError as Submissions.batch, LogClient.verifyHead, leavesOfBatch, witnessState */
  batch(entries: readonly Uint8Array[], options: AppendOptions): Promise<AppendedBatch> {
    const { calls, hasher, trust } = this.#deps;
    const { ack, signal } = options;
    return this.#submissions.batch(entries, options, async (answer) => {
      const { indexes, isNew, checkpoint } = readBatch(answer.fields);
      const head = await this.#deps.verifyHead(checkpoint, { signal });
      const leaves = leavesOfBatch(hasher, entries, indexes);
      const { nodes } = await askMulti(calls, leaves.indexes, { treeSize: head.size, signal });
      verifyMultiProof(hasher, { ...leaves, nodes, size: head.size, root: head.rootHash });
      const witnesses = await witnessState(trust, { ack, answer, checkpoint });
      return { indexes, isNew, head, witnesses };
    });
  }
}
