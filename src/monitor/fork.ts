import { equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { TlogError } from '../core/error.ts';
import { type Evidence, evidenceOfRoots, formatEvidence } from '../core/evidence/evidence.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { TreeSize } from '../core/units.ts';
import { explicitHashes, rootAt, type TreeNodes } from './tree-nodes.ts';

/** A head that the log has signed. */
export interface SignedTree {
  readonly size: TreeSize;
  readonly rootHash: Hash;
  /** The whole note. */
  readonly note: string;
}

/** Two heads that cannot both be of one log, with what convicts it. */
export interface ForkShown {
  readonly evidence: Evidence;
  readonly sizes: readonly number[];
  /** Root hashes of one size: in the verified tree, and signed. */
  readonly expected: Hash;
  readonly actual: Hash;
}

/** Two root hashes of one size. */
export function twoRoots(verified: SignedTree, other: SignedTree): ForkShown {
  return {
    evidence: evidenceOfRoots(verified.note, other.note),
    sizes: [verified.size],
    expected: verified.rootHash,
    actual: other.rootHash,
  };
}

/** An empty tree that is not empty. */
export function notEmpty(hasher: TreeHasher, { note, rootHash }: SignedTree): ForkShown {
  const evidence: Evidence = { accused: 'log', kind: 'empty-root', notes: [note] };
  return { evidence, sizes: [0], expected: hasher.emptyRoot, actual: rootHash };
}

/** A head that is no prefix of a larger one, whose tree is `tree`. */
export async function notAPrefix(
  hasher: TreeHasher,
  tree: TreeNodes,
  { older, newer }: { readonly older: SignedTree; readonly newer: SignedTree },
): Promise<ForkShown> {
  const sizes = { oldSize: older.size, newSize: newer.size };
  const hashes = await explicitHashes(hasher, tree, sizes);
  return {
    evidence: { accused: 'log', kind: 'not-a-prefix', notes: [older.note, newer.note], hashes },
    sizes: [older.size, newer.size],
    expected: await rootAt(hasher, tree, older.size),
    actual: older.rootHash,
  };
}

/** A tree that was verified before must be the first part of a larger one, `tree`. @throws TlogError fork with evidence; as TileTree.node */
export async function checkPrefix(
  hasher: TreeHasher,
  tree: TreeNodes,
  heads: { readonly older: SignedTree; readonly newer: SignedTree },
): Promise<void> {
  const { size, rootHash } = heads.older;
  if (size === 0 || equalBytes(await rootAt(hasher, tree, size), rootHash)) return;
  throw forkError(await notAPrefix(hasher, tree, heads));
}

/** The error of a fork; the text of its evidence file is in `details.evidence`. */
export function forkError({ evidence, sizes, expected, actual }: ForkShown): TlogError {
  const [keptNote, freshNote = keptNote] = evidence.notes;
  const message = `the log has signed two histories: sizes ${sizes.join(' and ')}; the notes are evidence`;
  return new TlogError('fork', message, {
    details: {
      evidence: formatEvidence(evidence),
      ...{ keptNote, freshNote },
      sizes: sizes.map(String),
      expectedHash: formatBase64(expected),
      actualHash: formatBase64(actual),
    },
  });
}
