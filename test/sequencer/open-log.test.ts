import { chmod, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { verifyConsistency } from '../../src/core/merkle/consistency.ts';
import { verifyInclusion } from '../../src/core/merkle/inclusion.ts';
import { verifyMultiProof } from '../../src/core/merkle/multi-proof.ts';
import { verifyCheckpoint } from '../../src/core/note/checkpoint.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { decodeBundle } from '../../src/core/tile/bundle.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import type { Log, SignedHead } from '../../src/sequencer/log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { COMMIT_REQUESTS_MAX } from '../../src/sequencer/pending-queue.ts';
import { newDataDirectory } from '../support/test-log.ts';

const clock = systemClock;

function entry(i: number): Uint8Array {
  return new TextEncoder().encode(`entry ${i}`);
}

function entries(from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => entry(from + i));
}

/** Everything a client could check of a log whose entry i is `entry(i)`, with client code only. */
async function checkLog(log: Log, size: number, older?: SignedHead): Promise<void> {
  const { head } = log;
  expect(head.size).toBe(size);
  const logVerifiers = [createNoteVerifier(log.vkeys[0] ?? '', ed25519Verify)];
  const checkpoint = await verifyCheckpoint(head.note, { origin: log.origin, logVerifiers });
  expect(checkpoint.size).toBe(size);
  for (const i of new Set(
    [0, 1, 255, 256, 257, 511, 512, size - 2, size - 1].filter((n) => n >= 0 && n < size),
  )) {
    const { leafHash, rootHash, proof } = await log.proveInclusion(leafIndex(i), head.size);
    expect(Buffer.from(leafHash)).toEqual(Buffer.from(nodeHasher.leafHash(entry(i))));
    verifyInclusion(nodeHasher, {
      index: leafIndex(i),
      size: head.size,
      leafHash,
      proof,
      root: checkpoint.rootHash,
    });
    expect(Buffer.from(rootHash)).toEqual(Buffer.from(checkpoint.rootHash));
    const [read] = await log.readEntries(leafIndex(i), treeSize(i + 1));
    expect(Buffer.from(read ?? []).toString()).toBe(`entry ${i}`);
  }
  if (older === undefined) return;
  const proven = await log.proveConsistency(older.size, head.size);
  const { proof } = proven;
  verifyConsistency(nodeHasher, {
    oldSize: older.size,
    newSize: head.size,
    oldRoot: older.rootHash,
    newRoot: head.rootHash,
    proof,
  });
}

describe('SEQ-2 entries come back proven', () => {
  test('batches over every boundary, growing and restarting', async () => {
    const dir = await newDataDirectory();
    let size = 0;
    for (const grow of [1, 1, 253, 1, 1, 255, 256, 1000, 3, 4096]) {
      const log = await openLog({ dir, clock }, 'main');
      const older = log.head;
      const result = await log.append({ entries: entries(size, size + grow) });
      expect(result.indexes[0]).toBe(size);
      size += grow;
      await checkLog(log, size, older);
      await log.close();
    }
  });

  test('SEQ-1 requests of one moment share a commit', async () => {
    const log = await openLog({ dir: await newDataDirectory(), clock }, 'main');
    let commits = 0;
    log.onCommit(() => {
      commits += 1;
    });
    const results = await Promise.all(entries(0, 300).map((one) => log.append({ entries: [one] })));
    expect(results.map((result) => result.indexes[0])).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(commits).toBeLessThan(5);
    await checkLog(log, 300);
    await log.close();
  });

  test('tiles, bundles, many leaves and leaf hashes', async () => {
    const log = await openLog({ dir: await newDataDirectory(), clock }, 'main');
    await log.append({ entries: entries(0, 600) });
    const tile = await log.readTile({ level: 0, index: 2, width: 88 });
    expect(tile?.length).toBe(88 * 32);
    expect(await log.readTile({ level: 0, index: 2, width: 89 })).toBeUndefined();
    expect((await log.readTile({ level: 1, index: 0, width: 2 }))?.length).toBe(64);
    const bundle = (await log.readBundle({ index: 2, width: 10 })) ?? new Uint8Array(0);
    expect(decodeBundle(bundle).map((one) => Buffer.from(one).toString())).toContain('entry 521');
    const indexes = [0, 255, 256, 599].map(leafIndex);
    const { leafHashes, nodes, rootHash } = await log.proveMany(indexes, treeSize(600));
    verifyMultiProof(nodeHasher, { indexes, leafHashes, size: treeSize(600), nodes, root: rootHash });
    expect(await log.findLeaf(nodeHasher.leafHash(entry(300)))).toBe(300);
    expect(await log.findLeaf(nodeHasher.leafHash(entry(999)))).toBeUndefined();
    await log.close();
  });
});

describe('SEQ-6 duplicates', () => {
  const idempotency = (key: number, content: number) => ({
    key: new Uint8Array(32).fill(key),
    contentHash: new Uint8Array(32).fill(content),
  });

  test('key: a retry gets the first indexes, other content is refused', async () => {
    const log = await openLog({ dir: await newDataDirectory(), clock }, 'main');
    const request = { entries: entries(0, 3), idempotency: idempotency(1, 1) };
    const [first, again] = await Promise.all([log.append(request), log.append(request)]);
    expect([first.isNew, again.isNew]).toEqual([
      [true, true, true],
      [false, false, false],
    ]);
    expect(again.indexes).toEqual(first.indexes);
    await log.append({ entries: entries(3, 4) });
    expect((await log.append(request)).indexes).toEqual([0, 1, 2]);
    const reused = log.append({ ...request, idempotency: idempotency(1, 2) });
    await expect(reused).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    expect(log.head.size).toBe(4);
    await log.close();
  });

  test('content: the same bytes get the first index, within a batch too', async () => {
    const log = await openLog({ dir: await newDataDirectory({ duplicates: 'content' }), clock }, 'main');
    const twice = await log.append({ entries: [entry(0), entry(1), entry(0)] });
    expect([twice.indexes, twice.isNew]).toEqual([
      [0, 1, 0],
      [true, true, false],
    ]);
    const again = await log.append({ entries: [entry(1)] });
    expect([again.indexes, again.isNew, again.head.size]).toEqual([[1], [false], 2]);
    await log.close();
  });

  test('off: every entry is new, and the index names the first', async () => {
    const log = await openLog({ dir: await newDataDirectory({ duplicates: 'off' }), clock }, 'main');
    await log.append({ entries: [entry(0), entry(0)] });
    await log.append({ entries: [entry(0)] });
    expect(log.head.size).toBe(3);
    expect(await log.findLeaf(nodeHasher.leafHash(entry(0)))).toBe(0);
    await log.close();
  });
});

describe('SEQ-5 the queue is bounded', () => {
  test.each([
    ['entries', { entriesMax: 2, bytesMax: 1e6, ageMaxMs: 1e6 }],
    ['bytes', { entriesMax: 100, bytesMax: 15, ageMaxMs: 1e6 }],
  ])('%s', async (_, queue) => {
    const log = await openLog({ dir: await newDataDirectory(), clock }, 'main', { queue });
    const all = await Promise.allSettled(entries(0, 6).map((one) => log.append({ entries: [one] })));
    log.admit(15);
    const refused = all.filter((one) => one.status === 'rejected').map((one) => one.reason.code);
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused)).toEqual(new Set(['queue_full']));
    expect(log.head.size).toBe(6 - refused.length);
    await log.close();
  });
});

/** A log, and how often something waits for a turn of the event loop. */
async function counted(): Promise<{ log: Log; turnsOf(work: () => Promise<unknown>): Promise<number> }> {
  let waited = 0;
  const nextTurn = (): Promise<void> => {
    waited += 1;
    return clock.nextTurn();
  };
  const log = await openLog({ dir: await newDataDirectory(), clock: { ...clock, nextTurn } }, 'main');
  onTestFinished(() => log.close());
  const turnsOf = async (work: () => Promise<unknown>): Promise<number> => {
    const before = waited;
    await work();
    return waited - before;
  };
  return { log, turnsOf };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe('SEQ-1 a commit that is full waits for no turn of the event loop', () => {
  test.each([
    [2 * COMMIT_REQUESTS_MAX, 1],
    [2 * COMMIT_REQUESTS_MAX - 1, 2],
  ])('%i requests, %i turns', async (requests, turns) => {
    const { log, turnsOf } = await counted();
    let commits = 0;
    log.onCommit(() => {
      commits += 1;
    });
    const all = entries(0, requests).map((one) => ({ entries: [one] }));
    expect(await turnsOf(() => Promise.all(all.map((one) => log.append(one))))).toBe(turns);
    expect([commits, log.head.size]).toEqual([2, requests]);
  });
});

describe('SEQ-12 long work gives the event loop a turn between', () => {
  test.each([
    [1_024, 1, 1],
    [1_025, 1, 5],
    [90, 65_535, 1],
    [97, 65_535, 10],
  ])('a commit of %i entries of %i bytes: %i turns, with the one before it', async (count, bytes, turns) => {
    const { log, turnsOf } = await counted();
    const request = { entries: Array.from({ length: count }, () => new Uint8Array(bytes)) };
    expect(await turnsOf(() => log.append(request))).toBe(turns);
    expect(log.head.size).toBe(count);
  });

  test.each([
    [[0, 1, 2_000], 0],
    [range(0, 500), 0],
    [range(0, 520), 3],
    [range(0, 2_500), 6],
  ])('a multi-proof', async (indexes, turns) => {
    const { log, turnsOf } = await counted();
    await log.append({ entries: entries(0, 2_500) });
    const claim = { indexes: indexes.map(leafIndex), size: log.head.size };
    const proven = await turnsOf(() => log.proveMany(claim.indexes, claim.size));
    expect(proven).toBe(turns);
    const { leafHashes, nodes, rootHash } = await log.proveMany(claim.indexes, claim.size);
    verifyMultiProof(nodeHasher, { ...claim, leafHashes, nodes, root: rootHash });
  });
});

describe('SEQ-7 start refuses', () => {
  const failCode = async (dir: DataDirectory): Promise<unknown> =>
    openLog({ dir, clock }, 'main').then(
      () => 'opened',
      (error: { code?: string }) => error.code,
    );

  async function grown(dir: DataDirectory, from: number, to: number): Promise<void> {
    const log = await openLog({ dir, clock }, 'main');
    await log.append({ entries: entries(from, to) });
    await log.close();
  }

  test('an old copy of the data, naming both sizes', async () => {
    const dir = await newDataDirectory();
    await grown(dir, 0, 5);
    await cp(dir.dataPath, `${dir.dataPath}.old`, { recursive: true });
    await grown(dir, 5, 9);
    await rm(dir.dataPath, { recursive: true });
    await cp(`${dir.dataPath}.old`, dir.dataPath, { recursive: true });
    await expect(openLog({ dir, clock }, 'main')).rejects.toMatchObject({
      code: 'guard_ahead',
      message: expect.stringMatching(/^log main: the data holds 5 entries, but size 9 was signed/),
      details: { dataSize: 5, guardSize: 9 },
    });
  });

  test('a missing guard, an exposed key, another key, no key', async () => {
    const dir = await newDataDirectory();
    const keyPath = join(dir.dataPath, 'logs/main/key');
    await chmod(keyPath, 0o644);
    expect(await failCode(dir)).toBe('key_file_exposed');
    await chmod(keyPath, 0o600);
    const other = await newDataDirectory();
    const key = await readFile(keyPath);
    await writeFile(keyPath, await readFile(join(other.dataPath, 'logs/main/key')));
    expect(await failCode(dir)).toBe('key_mismatch');
    await rm(keyPath);
    expect(await failCode(dir)).toBe('key_missing');
    await writeFile(keyPath, key, { mode: 0o600 });
    await rm(dir.guardPath, { recursive: true });
    expect(await failCode(dir)).toBe('guard_missing');
  });

  test('the guard of another log', async () => {
    const dir = await newDataDirectory();
    const other = await newDataDirectory();
    const guards = { ...dir, guardPath: other.guardPath };
    await expect(openLog({ dir: guards, clock: systemClock }, 'main')).rejects.toThrow(/another log/);
    expect(await failCode(guards)).toBe('guard_unreadable');
    await grown(dir, 0, 1);
  });

  test('a slip of the pen in who may read', async () => {
    const dir = await newDataDirectory({ reads: 'token' });
    const path = join(dir.dataPath, 'logs/main/log.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"token"', '"Token"'));
    expect(await failCode(dir)).toBe('invalid_config');
    await writeFile(path, text.replace('"token"', '"public"'));
    await grown(dir, 0, 1);
  });

  test('a database that lost its tables', async () => {
    const dir = await newDataDirectory();
    await grown(dir, 0, 5);
    await rm(join(dir.dataPath, 'logs/main/db/CURRENT'));
    expect(await failCode(dir)).toBe('data_damaged');
  });

  test('GUARD-5 not an old copy of data and guard together: neither remembers, and the history forks', async () => {
    const dir = await newDataDirectory();
    await grown(dir, 0, 5);
    const copy = { ...dir, dataPath: `${dir.dataPath}.copy`, guardPath: `${dir.guardPath}.copy` };
    await cp(dir.dataPath, copy.dataPath, { recursive: true });
    await cp(dir.guardPath, copy.guardPath, { recursive: true });
    await grown(dir, 5, 9);
    const log = await openLog({ dir: copy, clock }, 'main');
    await log.append({ entries: entries(5, 7) });
    await checkLog(log, 7);
    await log.close();
  });

  test('a second process on an older copy that shares the guard, and leaves the first alone', async () => {
    const dir = await newDataDirectory();
    await grown(dir, 0, 5);
    const copy = { ...dir, dataPath: `${dir.dataPath}.copy` };
    await cp(dir.dataPath, copy.dataPath, { recursive: true });
    const first = await openLog({ dir, clock }, 'main');
    await first.append({ entries: entries(5, 6) });
    expect(await failCode(copy)).toBe('guard_ahead');
    await first.append({ entries: entries(6, 7) });
    await checkLog(first, 7);
    await first.close();
  });

  test('STORE-11 a database whose log has lost a part of its middle', async () => {
    const dir = await newDataDirectory();
    const log = await openLog({ dir, clock }, 'main');
    for (let i = 0; i < 9; i += 1) await log.append({ entries: entries(i * 100, i * 100 + 100) });
    await log.close();
    const db = join(dir.dataPath, 'logs/main/db');
    const file = (await readdir(db)).find((name) => name.endsWith('.log')) ?? '';
    const bytes = await readFile(join(db, file));
    // The first commits: their entries lie in full bundles by now, so that the tree is whole without them.
    bytes.writeUInt8(bytes.readUInt8(600) ^ 1, 600);
    await writeFile(join(db, file), bytes);
    await expect(openLog({ dir, clock }, 'main')).rejects.toMatchObject({
      code: 'data_damaged',
      details: { file },
    });
  });

  test('a second process on a copy that shares the guard stops the first', async () => {
    const dir = await newDataDirectory();
    const first = await openLog({ dir, clock }, 'main');
    await first.append({ entries: entries(0, 2) });
    const copy = { ...dir, dataPath: `${dir.dataPath}.copy` };
    await cp(dir.dataPath, copy.dataPath, { recursive: true, filter: (path) => !path.endsWith('LOCK') });
    const second = await openLog({ dir: copy, clock }, 'main');
    await expect(first.append({ entries: entries(2, 3) })).rejects.toMatchObject({ code: 'commit_unknown' });
    expect((await first.failed).code).toBe('guard_superseded');
    await second.append({ entries: entries(2, 4) });
    await checkLog(second, 4);
    await second.close();
    await first.close();
  });
});
