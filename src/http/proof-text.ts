import type { Hash } from '../core/merkle/hasher.ts';
import { type NodeAtHand, ProofPaths } from '../core/merkle/proof-paths.ts';
import { rootFromNodes, rootNodes } from '../core/merkle/root.ts';
import { type LeafIndex, leafIndex, type TreeSize } from '../core/units.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { andThen, type Now } from '../runtime/now.ts';
import type { LeafProof, Log, SignedHead } from '../sequencer/log.ts';
import { base64 } from './answer.ts';
import type { JsonBytes } from './fields.ts';

/** What all proofs for one head share, made once while the head is in use. */
interface HeadText {
  readonly paths: ProofPaths;
  /** Tree size, root hash and checkpoint as members of a JSON object. */
  readonly members: string;
  /** All that stands behind the hashes of a receipt, and of a consistency proof. */
  readonly receiptEnd: Buffer;
  readonly growthEnd: Buffer;
}

const texts = new WeakMap<SignedHead, HeadText>();

function textOf(head: SignedHead): HeadText {
  const known = texts.get(head);
  if (known !== undefined) return known;
  const members = headMembers(head);
  const made = {
    paths: new ProofPaths(nodeHasher, head.size, quoted),
    members,
    receiptEnd: Buffer.from(`],${members}}`),
    growthEnd: Buffer.from(`],"checkpoint":${JSON.stringify(head.note)}}`),
  };
  texts.set(head, made);
  return made;
}

/** treeSize, rootHash and checkpoint of a head as members of a JSON object. */
function headMembers({ size, rootHash, note }: SignedHead): string {
  return `"treeSize":${size},"rootHash":${quoted(rootHash)},"checkpoint":${JSON.stringify(note)}`;
}

/** `members` of a head, made once for all answers about it. */
export function headText(head: SignedHead): string {
  return textOf(head).members;
}

/** The receipt of a leaf, which is its inclusion proof with the head's checkpoint, as JSON. */
export function inclusionText(log: Log, head: SignedHead, index: LeafIndex): Now<JsonBytes> {
  const { paths, receiptEnd } = textOf(head);
  return andThen(log.nodesOnPath(index), (node) => {
    const leafHash = node({ level: 0, index });
    const path = paths.inclusion(index, node);
    if (leafHash !== undefined && path !== undefined) return receiptText(index, leafHash, path, receiptEnd);
    // The head is older than the tree and its edge has been sealed since: the way that reads any tree's nodes.
    return andThen(log.proveInclusion(index, head.size), (proven: LeafProof) =>
      receiptText(index, proven.leafHash, proven.proof.map(quoted).join(','), receiptEnd),
    );
  });
}

/** The consistency proof from a smaller tree to a head's, as JSON. @throws RangeError unless 0 < from < the head's size */
export function consistencyText(log: Log, head: SignedHead, from: TreeSize): Now<JsonBytes> {
  const { paths } = textOf(head);
  return andThen(log.nodesOnPath(leafIndex(from - 1)), (node) => {
    const path = paths.consistency(from, node);
    const fromRoot = rootAtHand(from, node);
    if (path !== undefined && fromRoot !== undefined) return growthText(head, from, quoted(fromRoot), path);
    return andThen(log.proveConsistency(from, head.size), ({ fromRootHash, proof }) =>
      growthText(head, from, quoted(fromRootHash), proof.map(quoted).join(',')),
    );
  });
}

/** All of a smaller tree's root nodes lie on the path of its last leaf. */
function rootAtHand(size: TreeSize, node: NodeAtHand): Hash | undefined {
  const hashes = rootNodes(size).map(node);
  const found = hashes.filter((hash) => hash !== undefined);
  return found.length === hashes.length ? rootFromNodes(nodeHasher, size, found) : undefined;
}

function growthText(head: SignedHead, from: TreeSize, fromRoot: string, path: string): JsonBytes {
  const roots = `"fromRootHash":${fromRoot},"toRootHash":${quoted(head.rootHash)}`;
  const text = `{"fromSize":${from},"toSize":${head.size},${roots},"consistencyProof":[${path}`;
  return joined(text, textOf(head).growthEnd);
}

function receiptText(index: LeafIndex, leafHash: Uint8Array, path: string, end: Buffer): JsonBytes {
  return joined(`{"index":${index},"leafHash":${quoted(leafHash)},"inclusionProof":[${path}`, end);
}

/** ASCII text and what follows it. As one string, the dash in the note would make two bytes of each of its characters. */
function joined(ascii: string, end: Buffer): JsonBytes {
  const bytes = Buffer.allocUnsafe(ascii.length + end.length);
  bytes.write(ascii, 'latin1');
  bytes.set(end, ascii.length);
  return bytes;
}

function quoted(bytes: Uint8Array): string {
  return `"${base64(bytes)}"`;
}
