import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { portableEventHasher } from '../core/event/commitment.ts';
import { type DisclosureFile, provenEntry } from '../core/event/disclosure.ts';
import { type Hash, portableHasher, type TreeHasher } from '../core/merkle/hasher.ts';
import { verifyInclusion } from '../core/merkle/inclusion.ts';
import { verifyMultiProof } from '../core/merkle/multi-proof.ts';
import type { VerifiedCheckpoint } from '../core/note/checkpoint.ts';
import type { PolicyCheckpoint } from '../core/note/policy-checkpoint.ts';
import { NOTE_BYTES_MAX } from '../core/note/signed-note.ts';
import type { Ed25519Verify } from '../core/note/verifier.ts';
import { type Receipt, verifyReceipt } from '../core/proof/receipt.ts';
import { ENTRY_BYTES_MAX } from '../core/tile/bundle.ts';
import type { LeafIndex } from '../core/units.ts';
import { type AccessOptions, logAccess } from './access.ts';
import { type AppendedBatch, type AppendedEntry, Appends, type ProvenLeaf } from './appends.ts';
import { proveConsistent } from './consistency.ts';
import { type LogEntry, verifiedEntries } from './entries.ts';
import { gossipWith } from './gossip.ts';
import { HeadTracker } from './head-tracker.ts';
import { type LaterDeps, laterReceipt, refuseReceipt } from './later-receipt.ts';
import { LogCalls } from './log-calls.ts';
import { type Mark, type MarkStore, memoryMarks } from './mark.ts';
import { askInclusion, askMulti, type LeafName } from './proofs.ts';
import type { AppendOptions } from './submissions.ts';
import { LogTrust, type TrustOptions } from './trust.ts';
import { webCryptoEd25519 } from './webcrypto.ts';

const AHEAD = 2;

/** How a log is reached and whom the client believes. Only `trust` decides what counts as verified. */
export interface LogClientOptions extends AccessOptions {
  readonly trust: TrustOptions;
  /** Where the last verified checkpoints are kept; in memory unless given. */
  readonly marks?: MarkStore;
  /** The platform's WebCrypto unless given. */
  readonly ed25519?: Ed25519Verify;
  /** The portable one unless given; in Node the one over node:crypto is faster. */
  readonly hasher?: TreeHasher;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ProofOptions extends CallOptions {
  /** The tree to prove it in; the published one unless given. */
  readonly head?: VerifiedCheckpoint | undefined;
}

export interface EntriesOptions extends ProofOptions {
  /** First index; default 0. */
  readonly start?: number;
  /** Index behind the last one; default the size of the tree. */
  readonly end?: number;
  /** Bundles read before their turn, of at most 16 MiB each; default 2. */
  readonly ahead?: number;
}

export interface ProvenEntry extends ProvenLeaf {
  readonly entry: Uint8Array;
}

/** Leaves that are proven to be in the tree of `head`, at ascending indexes. */
export interface ProvenLeaves {
  readonly indexes: readonly LeafIndex[];
  readonly leafHashes: readonly Hash[];
  readonly nodes: readonly Hash[];
  readonly head: VerifiedCheckpoint;
}

/**
 * A client of one log that verifies all it gives out: signature, origin and quorum of checkpoints, proofs against
 * their roots, and that no checkpoint contradicts an earlier one. A policy's quorum is asked of published heads; heads
 * of receipts are signed by the log alone until `upgrade`, or where an append has waited for witnesses. Where reading needs a token, it needs scope `read`, also to
 * append: what was signed before is compared.
 *
 * Every method throws TlogError: `rollback` and `fork` with `keptNote` and `freshNote` in `details`, a fork also with
 * `evidence`, the text of a file that convicts the log (spec/evidence.md); other codes of kind verification where a
 * check failed, `unreachable` without an answer, else the code that the server gave.
 */
export class LogClient {
  readonly origin: string;
  readonly #access: AccessOptions;
  readonly #calls: LogCalls;
  readonly #hasher: TreeHasher;
  readonly #trust: LogTrust;
  readonly #heads: HeadTracker;
  readonly #appends: Appends;

  /** Asks nothing yet. @throws TypeError, TlogError malformed_key or weak_key for options that cannot be */
  constructor(options: LogClientOptions) {
    const { trust, marks = memoryMarks(), ed25519 = webCryptoEd25519, hasher = portableHasher } = options;
    this.#hasher = hasher;
    this.#trust = new LogTrust(trust, ed25519);
    this.origin = this.#trust.origin;
    this.#access = options;
    this.#calls = new LogCalls(logAccess(options));
    this.#heads = new HeadTracker({ calls: this.#calls, hasher, trust: this.#trust, marks });
    this.#appends = new Appends({
      ...this.#deps,
      verify: (receipt, how) => this.verify(receipt, how),
      verifyHead: (note, how) => this.verifyHead(note, how),
    });
  }

  /** The published head. Freshness is there when the policy asks for cosignatures. */
  async checkpoint({ signal }: CallOptions = {}): Promise<PolicyCheckpoint> {
    const before = await this.#heads.published();
    const { body } = await this.#calls.ask({ path: 'checkpoint', bytesMax: NOTE_BYTES_MAX, signal });
    return this.#takePublished(body, before, signal);
  }

  /**
   * Appends one entry of at most 65,535 bytes; resolves once it is durable, signed for and verified, with `ack: 'witnessed'` once the
   * log's witnesses have cosigned it, too, or have been waited for in vain. @throws TlogError no_witness_policy, policy_not_met
   */
  append(entry: Uint8Array, options: AppendOptions = {}): Promise<AppendedEntry> {
    return this.#appends.entry(entry, options);
  }

  /** Appends 1 to 4,096 entries, all or none; verified with one multi-proof. `ack` as for `append`. */
  appendBatch(entries: readonly Uint8Array[], options: AppendOptions = {}): Promise<AppendedBatch> {
    return this.#appends.batch(entries, options);
  }

  /**
   * Checks a receipt, also one from elsewhere: signature, inclusion, the entry where given, and that its head is on the
   * tree this client knows.
   */
  async verify(
    receipt: Receipt,
    { entry, signal }: CallOptions & { readonly entry?: Uint8Array | undefined } = {},
  ): Promise<VerifiedCheckpoint> {
    const { origin, logVerifiers } = this.#trust;
    const given = entry === undefined ? {} : { entry };
    const head = await verifyReceipt(this.#hasher, receipt, { origin, logVerifiers, ...given });
    await this.#heads.takeReceipt(head, signal).catch(async (cause: unknown) => {
      const kept = await this.#heads.largest();
      return refuseReceipt(this.#deps, receipt, { cause, head: kept, signal });
    });
    return head;
  }

  /** Checks the head of an answer, such as one to a batch of events: the log has signed it, and it is on the tree this client knows. */
  async verifyHead(note: Uint8Array | string, { signal }: CallOptions = {}): Promise<VerifiedCheckpoint> {
    const head = await this.#trust.signed(note);
    await this.#heads.takeReceipt(head, signal);
    return head;
  }

  /** Checks the disclosure of an event as `verify` checks its receipt: what is shown is what the tree holds. */
  async verifyDisclosure(file: DisclosureFile, { signal }: CallOptions = {}): Promise<VerifiedCheckpoint> {
    return this.verify(file.receipt, { entry: provenEntry(portableEventHasher, file), signal });
  }

  /** One entry with its proof. */
  async get(index: LeafIndex, options: ProofOptions = {}): Promise<ProvenEntry> {
    const call = { path: `entries/${index}`, bytesMax: ENTRY_BYTES_MAX, signal: options.signal };
    const [{ body: entry }, leaf] = await Promise.all([
      this.#calls.ask(call),
      this.inclusion(index, options),
    ]);
    if (equalBytes(this.#hasher.leafHash(entry), leaf.receipt.leafHash)) return { entry, ...leaf };
    throw new TlogError('entry_mismatch', `entry ${index} is not the one that its leaf hash names`);
  }

  /** The proof of a leaf, by index or by the hash of its entry. */
  async inclusion(leaf: LeafName, { head: asked, signal }: ProofOptions = {}): Promise<ProvenLeaf> {
    const before = await this.#heads.published();
    const answer = await askInclusion(this.#calls, leaf, { treeSize: asked?.size, signal });
    const head = asked ?? (await this.#takeAnswered(answer.checkpoint, before, signal));
    const { index, leafHash, inclusionProof } = answer;
    const { size, rootHash, note: checkpoint } = head;
    verifyInclusion(this.#hasher, { index, size, leafHash, proof: inclusionProof, root: rootHash });
    return { receipt: { index, leafHash, treeSize: size, rootHash, inclusionProof, checkpoint }, head };
  }

  /** One proof of 1 to 4,096 leaves at ascending indexes. */
  async multi(
    indexes: readonly LeafIndex[],
    { head: asked, signal }: ProofOptions = {},
  ): Promise<ProvenLeaves> {
    const before = await this.#heads.published();
    const { leafHashes, nodes, checkpoint } = await askMulti(this.#calls, indexes, {
      treeSize: asked?.size,
      signal,
    });
    const head = asked ?? (await this.#takeAnswered(checkpoint, before, signal));
    verifyMultiProof(this.#hasher, { indexes, leafHashes, nodes, size: head.size, root: head.rootHash });
    return { indexes, leafHashes, nodes, head };
  }

  /** The hashes that show `older` to be a prefix of `newer`; none for one size and for size 0. */
  consistency(
    older: VerifiedCheckpoint,
    newer: VerifiedCheckpoint,
    { signal }: CallOptions = {},
  ): Promise<readonly Hash[]> {
    return proveConsistent(this.#deps, { kept: older, fresh: newer, signal });
  }

  /**
   * Entries in order, read from tiles and checked before they are given out. Stops reading when the loop is left.
   * @throws TlogError beyond_log_head when `end` is above the tree
   */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<LogEntry, void, undefined> {
    const { start = 0, ahead = AHEAD, signal } = options;
    const head = options.head ?? (await this.checkpoint({ signal })).checkpoint;
    const end = options.end ?? head.size;
    if (end > head.size) {
      const details = { treeSize: head.size };
      throw new TlogError('beyond_log_head', `entries to ${end} of a tree of size ${head.size}`, { details });
    }
    yield* verifiedEntries(this.#deps, { head, start, end, ahead, signal });
  }

  /** The same leaf under the published head: a later one, or one that witnesses have signed. */
  async upgrade(receipt: Receipt, { signal }: CallOptions = {}): Promise<Receipt> {
    await this.verify(receipt, { signal });
    const before = await this.#heads.published();
    const { later, head } = await laterReceipt(this.#deps, receipt, { treeSize: undefined, signal });
    await this.#heads.takePublished(head, before, signal);
    return later;
  }

  /**
   * The same leaf under the newest head that the quorum of the log's policy has cosigned, also where the published one is
   * later. @throws TlogError not_yet_witnessed, no_witness_policy; policy_not_met where the client's policy asks for more
   */
  async witnessed(receipt: Receipt, { signal }: CallOptions = {}): Promise<Receipt> {
    await this.verify(receipt, { signal });
    const query = { treeSize: undefined, head: 'witnessed', signal } as const;
    const { later, head } = await laterReceipt(this.#deps, receipt, query);
    await this.#heads.takeReceipt(head, signal);
    return later;
  }

  /**
   * Shows a monitor the head this client knows, and compares what the monitor has seen of the log with it; gives that back. A fork that
   * either finds is the error `fork`, with evidence. `monitorUrl` is what `/gossip/v1/checkpoints` is put behind.
   */
  gossip(monitorUrl: string, { signal }: CallOptions = {}): Promise<readonly VerifiedCheckpoint[]> {
    // The token is the log's: nobody else gets it.
    const { fetch, retry, timeoutMs, triesMax } = logAccess(this.#access);
    const access = { logUrl: monitorUrl, fetch, retry, timeoutMs, triesMax };
    const calls = new LogCalls(logAccess(access));
    return gossipWith({ calls, hasher: this.#hasher, trust: this.#trust, heads: this.#heads, signal });
  }

  get #deps(): LaterDeps {
    return { calls: this.#calls, hasher: this.#hasher, trust: this.#trust };
  }

  async #takePublished(
    note: Uint8Array | string,
    before: Mark | undefined,
    signal: AbortSignal | undefined,
  ): Promise<PolicyCheckpoint> {
    const published = await this.#trust.published(note);
    await this.#heads.takePublished(published.checkpoint, before, signal);
    return published;
  }

  async #takeAnswered(
    note: string | undefined,
    before: Mark | undefined,
    signal: AbortSignal | undefined,
  ): Promise<VerifiedCheckpoint> {
    if (note === undefined)
      throw new TlogError('malformed_answer', 'a proof of the published head has no checkpoint');
    return (await this.#takePublished(note, before, signal)).checkpoint;
  }
}
