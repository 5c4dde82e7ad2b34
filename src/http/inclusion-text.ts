import { InclusionPaths } from '../core/merkle/inclusion-paths.ts';
import type { LeafIndex } from '../core/units.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { andThen, type Now } from '../runtime/now.ts';
import type { LeafProof, Log, SignedHead } from '../sequencer/log.ts';
import { base64 } from './answer.ts';

/** What all proofs for one head share, made once while the head is in use. */
interface HeadText {
  readonly paths: InclusionPaths;
  /** Tree size, root hash and checkpoint as members of a JSON object. */
  readonly members: string;
}

const texts = new WeakMap<SignedHead, HeadText>();

function textOf(head: SignedHead): HeadText {
  const known = texts.get(head);
  if (known !== undefined) return known;
  const made = { paths: new InclusionPaths(nodeHasher, head.size, quoted), members: headMembers(head) };
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
export function inclusionText(log: Log, head: SignedHead, index: LeafIndex): Now<string> {
  const { paths, members } = textOf(head);
  return andThen(log.nodesOnPath(index), (node) => {
    const leafHash = node({ level: 0, index });
    const path = paths.of(index, node);
    if (leafHash !== undefined && path !== undefined) return receiptText(index, leafHash, path, members);
    // The head is older than the tree and its edge has been sealed since: the way that reads any tree's nodes.
    return andThen(log.proveInclusion(index, head.size), (proven: LeafProof) =>
      receiptText(index, proven.leafHash, proven.proof.map(quoted).join(','), members),
    );
  });
}

function receiptText(index: LeafIndex, leafHash: Uint8Array, path: string, members: string): string {
  return `{"index":${index},"leafHash":${quoted(leafHash)},"inclusionProof":[${path}],${members}}`;
}

function quoted(bytes: Uint8Array): string {
  return `"${base64(bytes)}"`;
}
