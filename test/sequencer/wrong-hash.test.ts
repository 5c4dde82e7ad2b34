import { describe, expect, test } from 'vitest';
import type { TreeHasher } from '../../src/core/merkle/hasher.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

/** A hasher in whose memory one bit turns, in the inner node of that number from now. */
function hasherWithFlip(at: number): TreeHasher {
  let made = 0;
  return {
    ...nodeHasher,
    nodeHash: (left, right) => {
      const hash = nodeHasher.nodeHash(left, right);
      made += 1;
      if (made === at) hash[7] = (hash[7] ?? 0) ^ 1;
      return hash;
    },
  };
}

/** 254 entries, then 3 that make a tile full: 255 inner nodes are hashed for it, some of which are stored. */
const FIRST = Array.from({ length: 254 }, (_, i) => Buffer.from(`entry ${i}`));
const LATER = Array.from({ length: 3 }, (_, i) => Buffer.from(`entry ${254 + i}`));

describe('SEQ-8 a start believes no inner hash that a commit has stored', () => {
  test.each([1, 2, 3, 4, 6])('node %i of the commit that fills a tile comes out wrong', async (at) => {
    const dir = await newDataDirectory();
    const from = await logOnFiles({ dir, clock: systemClock }, 'main');
    const first = await startLog(from);
    const { head } = await first.append({ entries: FIRST });
    await first.close();
    const faulty = await startLog({ ...from, hasher: switchable });
    expect(faulty.head.size).toBe(254);
    now = hasherWithFlip(at);
    await expect(faulty.append({ entries: LATER })).rejects.toMatchObject({ code: 'commit_unknown' });
    expect((await faulty.failed).code).toBe('self_check_failed');
    await faulty.close();
    now = nodeHasher;
    // What was refused then is refused now, and nothing is signed for it.
    await expect(startLog(from)).rejects.toMatchObject({ code: 'data_damaged' });
    expect(await from.readGuard()).toEqual(head);
  });
});

let now: TreeHasher = nodeHasher;
const switchable: TreeHasher = {
  emptyRoot: nodeHasher.emptyRoot,
  leafHash: (entry) => now.leafHash(entry),
  nodeHash: (left, right) => now.nodeHash(left, right),
};
