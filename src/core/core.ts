/**
 * The public core: trees, tiles, notes, checkpoints, cosignatures, policies, proofs and audit events. Pure computation without
 * I/O, clock or keys; runs in every runtime. What is not named here may change without notice.
 * @module
 */
export { formatBase64, parseBase64 } from './encoding/base64.ts';
export { formatHex, parseHex } from './encoding/hex.ts';
export type { JsonObject, JsonValue } from './encoding/strict-json.ts';
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type ErrorKind,
  TlogError,
  type TlogErrorOptions,
} from './error.ts';
export {
  commitmentOf,
  type EventHasher,
  portableEventHasher,
  SEED_BYTES,
  slotDigest,
  slotSalts,
} from './event/commitment.ts';
export {
  type DisclosedSlot,
  type Disclosure,
  type DisclosureFile,
  disclosedEntry,
  discloseEvent,
  readDisclosure,
  type SlotState,
  verifyDisclosure,
  withholdSlots,
} from './event/disclosure.ts';
export {
  DISCLOSURE_LENGTH_MAX,
  formatDisclosure,
  isDisclosure,
  parseDisclosure,
} from './event/disclosure-file.ts';
export {
  type AuditEvent,
  EVENT_BYTES_MAX,
  EVENT_KINDS,
  EVENT_OPERATIONS,
  EVENT_OUTCOMES,
  EVENT_SCHEMA,
  type EventActor,
  type EventTarget,
  parseEvent,
} from './event/event.ts';
export {
  decodeLeaf,
  type EventLeaf,
  encodeLeaf,
  LEAF_TYPES,
  PUBLIC_LABELS,
  type PublicLabel,
  type PublicLabels,
} from './event/leaf.ts';
export { SLOT_NAMES, type SlotName, slotValues } from './event/slots.ts';
export {
  EVIDENCE_BYTES_MAX,
  type Evidence,
  evidenceOfConsistency,
  evidenceOfReceipts,
  evidenceOfRoots,
  formatEvidence,
  isEvidence,
  parseEvidence,
} from './evidence/evidence.ts';
export { type Conviction, type EvidenceTrust, judgeEvidence } from './evidence/judge.ts';
export { type ConsistencyClaim, consistencyPlan, verifyConsistency } from './merkle/consistency.ts';
export {
  appendLeaves,
  emptyFrontier,
  type Frontier,
  frontierNodes,
  frontierRoot,
} from './merkle/frontier.ts';
export {
  createTreeHasher,
  HASH_BYTES,
  type Hash,
  portableHasher,
  type Sha256,
  type TreeHasher,
} from './merkle/hasher.ts';
export {
  type InclusionClaim,
  type InclusionPath,
  inclusionPlan,
  inclusionProofLength,
  rootFromInclusion,
  verifyInclusion,
} from './merkle/inclusion.ts';
export {
  MULTI_PROOF_LEAVES_MAX,
  type MultiProofClaim,
  multiProofPlan,
  verifyMultiProof,
} from './merkle/multi-proof.ts';
export type { NodeId, NodeReader } from './merkle/node.ts';
export { assembleProof, type ProofPlan } from './merkle/proof-plan.ts';
export { rootFromNodes, rootNodes } from './merkle/root.ts';
export {
  type Checkpoint,
  formatCheckpoint,
  ORIGIN_BYTES_MAX,
  parseCheckpoint,
  type VerifiedCheckpoint,
  verifyCheckpoint,
} from './note/checkpoint.ts';
export {
  COSIGNATURE_BYTES,
  type CosignaturePayload,
  type CosignatureVerifier,
  cosignatureMessage,
  createCosignatureVerifier,
  decodeCosignature,
  encodeCosignature,
} from './note/cosignature.ts';
export { disjointQuorums, type TwoQuorums } from './note/disjoint-quorums.ts';
export {
  COSIGNATURE_V1,
  checkKeyName,
  computeKeyId,
  ED25519,
  formatKeyId,
  formatSignerKey,
  formatVerifierKey,
  ML_DSA_44,
  parseSignerKey,
  parseVerifierKey,
  type SignerKey,
  type VerifierKey,
} from './note/key.ts';
export {
  evaluatePolicy,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyVerdict,
  type PolicyWitness,
  parsePolicy,
  unverifiableWitnesses,
  type WitnessTime,
} from './note/policy.ts';
export { type PolicyCheckpoint, verifyCheckpointWithPolicy } from './note/policy-checkpoint.ts';
export {
  formatNote,
  formatSignatureLine,
  type NewSignature,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  type NoteSignature,
  type ParsedNote,
  parseNote,
  type VerifiedNote,
  verifyNote,
} from './note/signed-note.ts';
export {
  createNoteVerifier,
  type Ed25519Verify,
  type NoteSigner,
  type NoteVerifier,
} from './note/verifier.ts';
export {
  formatReceipt,
  parseReceipt,
  type Receipt,
  type ReceiptExpectation,
  verifyReceipt,
} from './proof/receipt.ts';
export {
  formatTlogProof,
  parseTlogProof,
  TLOG_PROOF_HASHES_MAX,
  type TlogProof,
  type TlogProofTrust,
  type VerifiedTlogProof,
  verifyTlogProof,
} from './proof/tlog-proof.ts';
export { decodeBundle, ENTRY_BYTES_MAX, encodeBundle } from './tile/bundle.ts';
export { planGrowth } from './tile/growth.ts';
export {
  type BundleId,
  formatBundlePath,
  formatTilePath,
  parseBundlePath,
  parseTilePath,
} from './tile/path.ts';
export {
  isTileInTree,
  type NodePlace,
  TILE_WIDTH,
  type TileId,
  type TilePlace,
  tileOfNode,
} from './tile/tile.ts';
export {
  type LeafIndex,
  leafIndex,
  parseLeafIndex,
  parseTreeSize,
  SIZE_MAX,
  type TreeSize,
  treeSize,
} from './units.ts';
