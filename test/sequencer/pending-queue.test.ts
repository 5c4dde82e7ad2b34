import { describe, expect, test } from 'vitest';
import {
  COMMIT_ENTRIES_MAX,
  COMMIT_REQUESTS_MAX,
  PendingQueue,
  type PendingRequest,
} from '../../src/sequencer/pending-queue.ts';

const MIB = 1024 * 1024;
const LIMITS = { entriesMax: 10, bytesMax: 1_000, ageMaxMs: 2_000 };

function waiting(entries: number, bytes: number, enqueuedAtMs = 0): PendingRequest {
  const request = { entries: Array<Uint8Array>(entries).fill(new Uint8Array(0)) };
  const ignore = (): void => undefined;
  return { request, leafHashes: [], entries, bytes, enqueuedAtMs, resolve: ignore, reject: ignore };
}

describe('SEQ-5 what a queue admits', () => {
  test.each<[string, readonly PendingRequest[], [number, number, number], boolean]>([
    ['the first, whatever the clock says', [], [10, 1_000, 9e9], true],
    ['one entry too many for an empty queue', [], [11, 0, 0], false],
    ['the last entry', [waiting(9, 0)], [1, 0, 0], true],
    ['one entry too many', [waiting(9, 0)], [2, 0, 0], false],
    ['the last byte', [waiting(1, 999)], [1, 1, 0], true],
    ['one byte too many', [waiting(1, 999)], [1, 2, 0], false],
    ['beside one as old as may be', [waiting(1, 0, 5)], [1, 0, 2_005], true],
    ['beside one that is too old', [waiting(1, 0, 5)], [1, 0, 2_006], false],
    ['beside a young one, behind an old one', [waiting(1, 0, 5), waiting(1, 0, 9)], [1, 0, 2_006], false],
  ])('%s', (_, there, [entries, bytes, nowMs], admitted) => {
    const queue = new PendingQueue(LIMITS);
    for (const one of there) queue.push(one);
    const admit = (): void => queue.admit(entries, bytes, nowMs);
    if (admitted) admit();
    else
      expect(admit).toThrow(expect.objectContaining({ code: 'queue_full', details: { retryAfterSec: 1 } }));
    expect(queue.entries).toBe(there.reduce((sum, pending) => sum + pending.entries, 0));
  });
});

function isAdmitted(queue: PendingQueue, nowMs: number, entries = 1, bytes = 0): boolean {
  try {
    queue.admit(entries, bytes, nowMs);
    return true;
  } catch {
    return false;
  }
}

describe('SEQ-5 the commit under way is counted in', () => {
  test.each<[string, PendingRequest, [number, number, number]]>([
    ['its entries', waiting(10, 0, 0), [1, 0, 0]],
    ['its bytes', waiting(1, 1_000, 0), [1, 1, 0]],
    ['the time that its oldest has waited', waiting(1, 0, 0), [1, 0, 2_001]],
  ])('%s, until it is over', (_, taken, [entries, bytes, nowMs]) => {
    const queue = new PendingQueue(LIMITS);
    queue.push(taken);
    expect(queue.take()).toEqual([taken]);
    expect([queue.isEmpty, queue.entries, queue.bytes, queue.oldestAtMs]).toEqual([
      true,
      taken.entries,
      taken.bytes,
      0,
    ]);
    expect(isAdmitted(queue, nowMs, entries, bytes)).toBe(false);
    queue.settle();
    expect(isAdmitted(queue, nowMs, entries, bytes)).toBe(true);
    expect([queue.entries, queue.bytes, queue.oldestAtMs]).toEqual([0, 0, undefined]);
  });

  test('what is cleared waits no longer; the commit goes on', () => {
    const queue = new PendingQueue(LIMITS);
    queue.push(waiting(1, 10, 5));
    queue.take();
    const cleared = waiting(2, 20, 6);
    queue.push(cleared);
    expect(queue.clear()).toEqual([cleared]);
    expect([queue.isEmpty, queue.entries, queue.bytes, queue.oldestAtMs]).toEqual([true, 1, 10, 5]);
  });
});

describe('SEQ-1 what one commit takes', () => {
  test.each<[string, readonly PendingRequest[], number]>([
    ['nothing when nothing waits', [], 0],
    ['all that fits', [waiting(4_000, 1), waiting(96, 1)], 2],
    ['no entry more', [waiting(4_000, 1), waiting(97, 1)], 1],
    ['all bytes that fit', [waiting(1, 4 * MIB), waiting(1, 4 * MIB)], 2],
    ['no byte more', [waiting(1, 4 * MIB), waiting(1, 4 * MIB + 1)], 1],
    [
      'all requests that it may',
      Array.from({ length: COMMIT_REQUESTS_MAX }, () => waiting(1, 1)),
      COMMIT_REQUESTS_MAX,
    ],
    [
      'no request more',
      Array.from({ length: COMMIT_REQUESTS_MAX + 1 }, () => waiting(1, 1)),
      COMMIT_REQUESTS_MAX,
    ],
    ['at least one, however large', [waiting(COMMIT_ENTRIES_MAX + 1, 9 * MIB), waiting(1, 1)], 1],
    ['in order: a small one does not pass a large one', [waiting(1, 1), waiting(4_096, 1), waiting(1, 1)], 1],
  ])('%s', (_, there, count) => {
    const queue = new PendingQueue(LIMITS);
    for (const one of there) queue.push(one);
    expect(queue.take()).toEqual(there.slice(0, count));
    queue.settle();
    const left = there.slice(count);
    expect([queue.entries, queue.bytes, queue.oldestAtMs]).toEqual([
      left.reduce((sum, pending) => sum + pending.entries, 0),
      left.reduce((sum, { bytes }) => sum + bytes, 0),
      left[0]?.enqueuedAtMs,
    ]);
  });
});

describe('SEQ-1 whether as many wait as one commit takes', () => {
  test.each([
    [0, false],
    [COMMIT_REQUESTS_MAX - 1, false],
    [COMMIT_REQUESTS_MAX, true],
  ])('%i', (count, fills) => {
    const queue = new PendingQueue({ ...LIMITS, entriesMax: 1e6 });
    for (let i = 0; i < count; i += 1) queue.push(waiting(1, 1));
    expect(queue.fillsCommit).toBe(fills);
    queue.take();
    expect(queue.fillsCommit).toBe(false);
  });
});
