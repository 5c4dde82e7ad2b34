import { expect, test } from 'vitest';
import {
  appendLeaves,
  emptyFrontier,
  formatCheckpoint,
  formatTlogProof,
  frontierRoot,
  leafIndex,
  parseCheckpoint,
  parseTlogProof,
  portableHasher,
  verifyInclusion,
} from '../../src/core/core.ts';

test('PROOF-2 the public core alone grows a tree, writes a proof, reads it and verifies it', () => {
  const leaves = ['a', 'b'].map((text) => portableHasher.leafHash(Uint8Array.of(text.charCodeAt(0))));
  const frontier = appendLeaves(portableHasher, emptyFrontier, leaves);
  const rootHash = frontierRoot(portableHasher, frontier);
  const [leafHash = new Uint8Array(), sibling = new Uint8Array()] = leaves;
  const note = formatCheckpoint({ origin: 'log.example', size: frontier.size, rootHash, extensions: [] });
  const read = parseTlogProof(formatTlogProof({ index: leafIndex(0), proof: [sibling], note }));
  const { size, rootHash: root } = parseCheckpoint(read.note);
  expect(() => verifyInclusion(portableHasher, { ...read, size, root, leafHash })).not.toThrow();
  expect(() => verifyInclusion(portableHasher, { ...read, size, root, leafHash: sibling })).toThrow(
    expect.objectContaining({ code: 'proof_mismatch' }),
  );
});
