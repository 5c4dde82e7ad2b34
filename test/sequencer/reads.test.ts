import { describe, expect, test } from 'vitest';
import { formatBase64 } from '../../src/core/encoding/base64.ts';
import { verifyConsistency } from '../../src/core/merkle/consistency.ts';
import { appendLeaves, emptyFrontier, frontierRoot } from '../../src/core/merkle/frontier.ts';
import { ProofPaths } from '../../src/core/merkle/proof-paths.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { inspectLog } from '../../src/sequencer/inspect-log.ts';
import type { SignedHead } from '../../src/sequencer/log.ts';
import { logOnFiles, openLog } from '../../src/sequencer/open-log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { sealValue } from '../../src/store/checked-store.ts';
import { bundleKey, encodeIndex, leafKey, retryKey } from '../../src/store/rows.ts';
import type { Store } from '../../src/store/store.ts';
import { replacing } from '../support/replaced-calls.ts';
import { fill, flipped, retryKeyNumber, rottingLog } from '../support/rotting-log.ts';
import { newDataDirectory } from '../support/test-log.ts';
import { waitingLog } from '../support/waiting-log.ts';

const hashOf = (text: string): Uint8Array => nodeHasher.leafHash(Buffer.from(text));

/** The log lets go of its tiles in memory when it is told of damage, in whatever row. */
function forgetTiles(log: RunningLog, times: number): void {
  log.stored().report({ row: retryKey(retryKeyNumber(times)), message: 'a test says so' });
}

test('SEQ-2 a page over stored bundles and the open one has the entries that were appended', async () => {
  const { log } = await rottingLog();
  await fill(log, 0, 600);
  const page = await log.readEntries(leafIndex(100), treeSize(599));
  expect(page.map(String)).toEqual(Array.from({ length: 499 }, (_, i) => `entry ${100 + i}`));
});

describe('SEQ-2 a part of a page', () => {
  const HUGE = 65_535;

  test.each([
    [0, 3, 1, 1, 'one entry is more'],
    [0, 3, HUGE, 1, 'one entry is as much'],
    [0, 3, HUGE + 1, 2, 'one entry is less'],
    [0, 3, 3 * HUGE, 3, 'there are no more'],
    [0, 3, 9 * HUGE, 3, 'they are less'],
    [4, 8, 3 * HUGE, 3, 'in two bundles'],
    [4, 8, 2 * HUGE, 2, 'up to the end of the first'],
  ])('from %i to %i with %i bytes has %i: %s', async (start, end, bytes, count) => {
    const { log } = await rottingLog();
    await fill(log, 0, 250);
    const entries = Array.from({ length: 10 }, (_, i) => Buffer.alloc(HUGE, `${i}`));
    await log.append({ entries });
    const part = await log.readEntries(leafIndex(250 + start), treeSize(250 + end), { bytes });
    const first = (some: readonly Uint8Array[]) => some.map((entry) => entry[0]);
    expect(first(part)).toEqual(first(entries.slice(start, start + count)));
  });

  test('takes its bundle from where it is kept, and leaves it there', async () => {
    const { log, drop } = await rottingLog();
    await fill(log, 0, 600);
    const kept = new Map<number, Uint8Array>();
    const part = { bytes: 1, bundles: kept };
    const read = async (index: number) =>
      String(await log.readEntries(leafIndex(index), treeSize(600), part));
    expect([await read(3), await read(300), await read(599)]).toEqual(['entry 3', 'entry 300', 'entry 599']);
    expect([...kept.keys()]).toEqual([0, 1]);
    await drop(bundleKey(0));
    expect(await read(4)).toBe('entry 4');
  });

  test('is compared with its leaf hashes though its bundle was kept', async () => {
    const { log } = await rottingLog();
    await fill(log, 0, 300);
    const kept = new Map<number, Uint8Array>([
      [0, flipped(Buffer.from((await log.readBundle({ index: 0, width: 256 })) ?? []), 2)],
    ]);
    const part = { bytes: 1, bundles: kept };
    await expect(log.readEntries(leafIndex(0), treeSize(2), part)).rejects.toMatchObject({
      code: 'storage_corrupt',
    });
    const [next] = await log.readEntries(leafIndex(1), treeSize(2), part);
    expect(Buffer.from(next ?? []).toString()).toBe('entry 1');
  });

  test('of a bundle that is gone', async () => {
    const { log, drop } = await rottingLog();
    await fill(log, 0, 300);
    await drop(bundleKey(0));
    await expect(log.readEntries(leafIndex(0), treeSize(2), { bytes: 1 })).rejects.toMatchObject({
      code: 'storage_corrupt',
    });
  });

  test('beyond the tree is a slip of the caller', async () => {
    const { log } = await rottingLog();
    await fill(log, 0, 2);
    await expect(log.readEntries(leafIndex(0), treeSize(3))).rejects.toThrow(RangeError);
  });
});

describe('SEQ-2 the nodes of a leaf', () => {
  test.each([
    [1, [0]],
    [255, [0, 254]],
    [256, [0, 255]],
    [600, [0, 255, 256, 511, 512, 599]],
  ])('of a tree of %i are those of its proof, from the disk and from memory', async (size, indexes) => {
    const { log } = await rottingLog();
    await fill(log, 0, size);
    for (const index of indexes.map(leafIndex)) {
      forgetTiles(log, index);
      const { proof } = await log.proveInclusion(index, treeSize(size));
      const text = proof.map(formatBase64).join(',');
      forgetTiles(log, index + 1_000);
      for (let times = 0; times < 2; times += 1) {
        const node = await log.nodesOnPath(index);
        expect(new ProofPaths(nodeHasher, treeSize(size), formatBase64).inclusion(index, node)).toBe(text);
      }
    }
  });

  test('say nothing of what is not on its way', async () => {
    const { log } = await rottingLog();
    await fill(log, 0, 600);
    const node = await log.nodesOnPath(leafIndex(3));
    expect(node({ level: 0, index: 300 })).toBeUndefined();
    expect(node({ level: 0, index: 600 })).toBeUndefined();
    expect(node({ level: 0, index: 2 })).toEqual(hashOf('entry 2'));
    expect(node({ level: 0, index: 599 })).toEqual(hashOf('entry 599'));
  });

  test('are given for many leaves at once, from the disk and the edge', async () => {
    const { log } = await rottingLog();
    await fill(log, 0, 600);
    forgetTiles(log, 0);
    const indexes = [0, 1, 256, 599].map(leafIndex);
    const { leafHashes } = await log.proveMany(indexes, treeSize(600));
    expect(leafHashes.map(formatBase64)).toEqual(
      indexes.map((index) => formatBase64(hashOf(`entry ${index}`))),
    );
  });
});

describe('TREE-5 a consistency proof comes with the roots of both sizes', () => {
  test.each([
    [0, 600],
    [600, 600],
    [600, 601],
    [1, 2],
    [1, 600],
    [255, 256],
    [256, 257],
    [256, 601],
    [257, 512],
    [511, 600],
    [512, 601],
    [300, 301],
  ])('from %i to %i of 601', async (from, to) => {
    const { log } = await rottingLog();
    await fill(log, 0, 601);
    const hashes = Array.from({ length: to }, (_, i) => hashOf(`entry ${i}`));
    const rootOf = (size: number) =>
      frontierRoot(nodeHasher, appendLeaves(nodeHasher, emptyFrontier, hashes.slice(0, size)));
    const [oldSize, newSize] = [treeSize(from), treeSize(to)];
    const { fromRootHash, toRootHash, proof } = await log.proveConsistency(oldSize, newSize);
    expect([fromRootHash, toRootHash].map(formatBase64)).toEqual(
      [rootOf(from), rootOf(to)].map(formatBase64),
    );
    const claim = { oldSize, newSize, oldRoot: rootOf(from), newRoot: rootOf(to), proof };
    expect(() => verifyConsistency(nodeHasher, claim)).not.toThrow();
  });
});

describe('SEQ-2 tiles and bundles beyond the log head are not there', () => {
  test.each([
    [2, 88, true],
    [2, 89, false],
    [2, 256, false],
    [1, 256, true],
    [1, 3, true],
    [3, 1, false],
  ])('number %i, width %i: %s', async (index, width, there) => {
    const { log } = await rottingLog();
    await fill(log, 0, 600);
    const [tile, bundle] = [
      await log.readTile({ level: 0, index, width }),
      await log.readBundle({ index, width }),
    ];
    expect([tile?.length, bundle !== undefined]).toEqual([there ? width * 32 : undefined, there]);
  });
});

describe('SEQ-6 STORE-4 the leaf-hash index', () => {
  test('holds half of a hash, so all of it is compared', async () => {
    const { log } = await rottingLog();
    await fill(log, 0, 300);
    expect(await log.findLeaf(hashOf('entry 7'))).toBe(7);
    expect(await log.findLeaf(flipped(hashOf('entry 7'), 31))).toBeUndefined();
    expect(await log.findLeaf(flipped(hashOf('entry 7'), 15))).toBeUndefined();
  });

  test('by content: an entry whose row names another leaf is new, and the row stays with that leaf', async () => {
    const { log, put } = await rottingLog({ duplicates: 'content' });
    await fill(log, 0, 2);
    const key = leafKey(hashOf('entry 2'));
    await put(key, sealValue(key, encodeIndex(leafIndex(0))));
    const entries = [Buffer.from('entry 1'), Buffer.from('entry 2')];
    const { indexes, isNew } = await log.append({ entries });
    expect([indexes, isNew]).toEqual([
      [1, 2],
      [false, true],
    ]);
    expect(await log.findLeaf(hashOf('entry 2'))).toBeUndefined();
  });

  test('can be off: entries are taken, and a question by hash is refused', async () => {
    const { log } = await rottingLog({ leafHashIndex: false });
    await fill(log, 0, 300);
    expect(() => log.findLeaf(hashOf('entry 7'))).toThrow(
      expect.objectContaining({ code: 'leaf_hash_index_off' }),
    );
    expect(log.head.size).toBe(300);
  });
});

test('the time at which the head was signed is that of the wall clock, before and after a restart', async () => {
  let nowMs = Date.UTC(2050, 0, 1);
  const clock = { ...systemClock, nowMs: () => nowMs };
  const { log, dir } = await rottingLog({ clock });
  await fill(log, 0, 1);
  expect(log.status().headSignedAtMs).toBe(nowMs);
  await log.close();
  const signedAtMs = nowMs;
  nowMs += 5_000;
  const again = await rottingLog({ dir, clock });
  expect(again.log.status().headSignedAtMs).toBe(signedAtMs);
});

describe('SEQ-2 SEQ-10 while a commit is under way', () => {
  test('its entries are on the disk and not there for readers; what waits is counted, and what is in the commit', async () => {
    const { log, raising, go } = await waitingLog();
    expect(log.status()).toMatchObject({ queuedEntries: 0, queuedBytes: 0, queueAgeMs: 0 });
    const first = log.append({ entries: [Buffer.from('entry 0')] });
    await raising;
    const second = log.append({ entries: [Buffer.from('entry 1')] });
    expect(await log.findLeaf(hashOf('entry 0'))).toBeUndefined();
    expect(await log.readBundle({ index: 0, width: 1 })).toBeUndefined();
    expect(log.status()).toMatchObject({ acceptsEntries: true, queuedEntries: 2, queuedBytes: 14 });
    expect(log.status().queueAgeMs).toBeGreaterThan(0);
    const closing = log.close();
    expect(log.status()).toMatchObject({ acceptsEntries: false, reason: 'log_closing' });
    go();
    expect([(await first).indexes, (await second).indexes]).toEqual([[0], [1]]);
    await closing;
  });
});

describe('SEQ-4 STORE-8 a disk that fails beneath a running log', () => {
  /** A log whose database does as it is told. */
  async function failing(): Promise<{ log: RunningLog; calls: Partial<Store> }> {
    const from = await logOnFiles({ dir: await newDataDirectory(), clock: systemClock }, 'main');
    const calls: Partial<Store> = {};
    const log = await startLog({ ...from, openStore: async () => replacing(await from.openStore(), calls) });
    await fill(log, 0, 2);
    return { log, calls };
  }
  const fails = (): never => {
    throw new Error('IO error: Input/output error');
  };

  test('no answer when a commit looks something up ends the log, and nothing was signed', async () => {
    const { log, calls } = await failing();
    calls.getMany = fails;
    await expect(fill(log, 2, 3)).rejects.toMatchObject({ code: 'commit_unknown' });
    expect([(await log.failed).code, log.head.size, log.findings]).toEqual(['internal', 2, []]);
    await log.close();
  });

  test('no answer to a read is an error and no damage, and the log lives on', async () => {
    const { log, calls } = await failing();
    calls.get = fails;
    expect(() => log.findLeaf(hashOf('entry 0'))).toThrow(/Input.output error/);
    delete calls.get;
    expect([await log.findLeaf(hashOf('entry 0')), log.findings]).toEqual([0, []]);
    await fill(log, 2, 3);
    await log.close();
  });

  test.each<[string, Store['inPlace']]>([
    ['is gone', () => false],
    ['cannot be looked at', fails],
  ])('a database that %s ends the log', async (_, inPlace) => {
    const { log, calls } = await failing();
    log.lookAtDisk();
    calls.inPlace = inPlace;
    log.lookAtDisk();
    expect((await log.failed).code).toBe('data_lost');
    await log.close();
  });
});

describe('SEQ-9 kept heads', () => {
  const cases: [from: number, limit: number, sizes: number[]][] = [
    [0, 10, [0, 1, 2, 3]],
    [0, 4, [0, 1, 2, 3]],
    [0, 3, [0, 1, 2]],
    [1, 2, [1, 2]],
    [3, 1, [3]],
    [0, 0, []],
    [4, 10, []],
  ];

  test('one a minute and the log head, from a size on and up to a limit, running and stopped', async () => {
    const dir = await newDataDirectory();
    const clock = { ...systemClock, ms: Date.UTC(2050, 0, 1), nowMs: (): number => clock.ms };
    const log = await openLog({ dir, clock }, 'main');
    const heads: SignedHead[] = [log.head];
    for (let i = 0; i < 3; i += 1) {
      heads.push((await log.append({ entries: [Buffer.from(`entry ${i}`)] })).head);
      clock.ms += 61_000;
    }
    const expected = cases.map(([, , sizes]) => sizes.map((size) => heads[size]));
    const asked = (from: Pick<RunningLog, 'keptHeads'>) =>
      Promise.all(cases.map(([start, limit]) => from.keptHeads(treeSize(start), limit)));
    expect(await asked(log)).toEqual(expected);
    for (const size of [0, 1, 3]) expect(await log.keptHead(treeSize(size))).toEqual(heads[size]);
    expect(await log.keptHead(treeSize(9))).toBeUndefined();
    await log.close();
    await using stopped = await inspectLog(dir, 'main');
    expect(await asked(stopped)).toEqual(expected);
  });
});
