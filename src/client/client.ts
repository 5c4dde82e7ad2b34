/**
 * The client of a log: appends, reads and follows it over `fetch`, in browsers, workers and Node, and verifies all that
 * it gives out. What is not named here may change without notice.
 * @module
 */
export type { AccessOptions } from './access.ts';
export type { Ack, WitnessState } from './ack.ts';
export type { AppendedBatch, AppendedEntry, ProvenLeaf } from './appends.ts';
export type { Fetch } from './bounded-fetch.ts';
export type { LogEntry } from './entries.ts';
export {
  type CallOptions,
  type EntriesOptions,
  LogClient,
  type LogClientOptions,
  type ProofOptions,
  type ProvenEntry,
  type ProvenLeaves,
} from './log-client.ts';
export { type MarkStore, memoryMarks } from './mark.ts';
export type { LeafName } from './proofs.ts';
export type { RetryDeps } from './retry.ts';
export type { AppendOptions } from './submissions.ts';
export type { TrustOptions } from './trust.ts';
export { webCryptoEd25519 } from './webcrypto.ts';
