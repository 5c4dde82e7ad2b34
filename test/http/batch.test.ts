import { describe, expect, test } from 'vitest';
import { HASHED_AT_A_TIME, hashBatch, splitLines } from '../../src/http/batch.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { Slices } from '../../src/runtime/slices.ts';
import { ContentHash, contentHash } from '../../src/sequencer/content-hash.ts';

const MIB = 1024 * 1024;

/** A batch as it is hashed, and the most that was hashed between two turns of the event loop. */
async function hashed(entries: readonly Uint8Array[], hasContent: boolean) {
  const most = { bytes: 0, entries: 0 };
  let [turns, bytes, count] = [0, 0, 0];
  const slices = new Slices(HASHED_AT_A_TIME, async () => {
    // Over only once others were let in: who does not wait for that goes on in the same turn.
    await systemClock.nextTurn();
    [turns, bytes, count] = [turns + 1, 0, 0];
  });
  const leafHash = (entry: Uint8Array): Uint8Array => {
    bytes += entry.length;
    count += 1;
    most.bytes = Math.max(most.bytes, bytes);
    most.entries = Math.max(most.entries, count);
    return nodeHasher.leafHash(entry);
  };
  const content = hasContent ? new ContentHash() : undefined;
  const leafHashes = await hashBatch({ ...nodeHasher, leafHash }, entries, { slices, content });
  return { most, turns, leafHashes, content: content?.digest() };
}

const lines = (count: number, length: number): Uint8Array[] =>
  splitLines(Buffer.from(Array.from({ length: count }, (_, i) => `${i}`.padEnd(length, '.')).join('\n')));

describe('SEQ-12 a batch is hashed in slices of 4 MiB or 2,048 entries', () => {
  test.each<[string, number, number, boolean, { bytes: number; entries: number; turns: number }]>([
    ['of 4,096 lines of 2 KiB', 4_096, 2_047, false, { bytes: 2_048 * 2_047, entries: 2_048, turns: 2 }],
    ['of 128 of 64 KiB', 128, 65_535, false, { bytes: 65 * 65_535, entries: 65, turns: 1 }],
    [
      'with a key, for which all is hashed again',
      128,
      65_535,
      true,
      { bytes: 33 * 65_535, entries: 33, turns: 3 },
    ],
    ['of 4,096 short ones', 4_096, 5, true, { bytes: 2_048 * 5, entries: 2_048, turns: 2 }],
    ['of 2,047, at once', 2_047, 5, true, { bytes: 2_047 * 5, entries: 2_047, turns: 0 }],
  ])('%s', async (_, count, length, hasContent, { turns, ...most }) => {
    const entries = lines(count, length);
    const made = await hashed(entries, hasContent);
    expect([made.most, made.turns]).toEqual([most, turns]);
    expect(most.bytes).toBeLessThan(4 * MIB + 65_535);
    expect(made.leafHashes).toEqual(entries.map((entry) => nodeHasher.leafHash(entry)));
    expect(made.content).toEqual(hasContent ? contentHash(entries) : undefined);
  });
});
