import { InclusionPaths } from '../core/merkle/inclusion-paths.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import type { Log, SignedHead } from '../sequencer/log.ts';
import { base64 } from './answer.ts';

const paths = new WeakMap<SignedHead, InclusionPaths>();

/** Inclusion proofs of a head as the inside of a JSON list, made once for all who ask while the head is in use. */
export function pathsOf(log: Log, head: SignedHead): InclusionPaths {
  const known = paths.get(head);
  if (known !== undefined) return known;
  const made = new InclusionPaths(
    nodeHasher,
    head.size,
    (node) => log.nodeAtHand(node),
    (hash) => `"${base64(hash)}"`,
  );
  paths.set(head, made);
  return made;
}
