import { describe, expect, test } from 'vitest';
import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';

describe('TREE-1 both hashers agree', () => {
  test.each([
    0, 1, 31, 32, 55, 56, 63, 64, 65, 300, 65_535,
  ])('on an entry of %i bytes and its node', (length) => {
    const entry = Uint8Array.from({ length }, (_, i) => i % 251);
    const leaf = nodeHasher.leafHash(entry);
    expect([...leaf]).toEqual([...portableHasher.leafHash(entry)]);
    expect([...nodeHasher.nodeHash(leaf, nodeHasher.emptyRoot)]).toEqual([
      ...portableHasher.nodeHash(leaf, portableHasher.emptyRoot),
    ]);
  });

  test('a result is not changed by the next call', () => {
    const first = nodeHasher.leafHash(Uint8Array.of(1));
    const kept = [...first];
    nodeHasher.leafHash(Uint8Array.of(2));
    expect([...first]).toEqual(kept);
  });
});
