import { describe, expect, test } from 'vitest';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { fsckLog } from '../../src/fsck/fsck-log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { inspectLog } from '../../src/sequencer/inspect-log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { bundleKey, edgeKey, keptKey, leafKey, retryKey, STATE_KEY, tileKey } from '../../src/store/rows.ts';
import { fill, type RottingLog, retryKeyNumber, rottingLog } from '../support/rotting-log.ts';

const leafHash = nodeHasher.leafHash(Buffer.from('entry 7'));
const hex = (key: Uint8Array): string => Buffer.from(key).toString('hex');

type Edit = (value: Uint8Array) => Uint8Array;
/** What the length of a value may come to. */
const LENGTHS: readonly [string, Edit][] = [
  ['nothing', () => new Uint8Array(0)],
  ['a byte less', (value) => value.subarray(0, -1)],
  ['a byte more', (value) => new Uint8Array([...value, 0])],
];

/** Minutes go by between two commits, so that heads are kept. */
async function filled(duplicates: 'key' | 'content' = 'key'): Promise<RottingLog> {
  let nowMs = Date.UTC(2050, 0, 1);
  const clock = { ...systemClock, nowMs: () => nowMs };
  const rotting = await rottingLog({ clock, duplicates });
  await fill(rotting.log, 0, 300, duplicates === 'key');
  nowMs += 600_000;
  await fill(rotting.log, 300, 600);
  return rotting;
}

/** Rows that a running log reads, and a read that needs them. */
const READS: readonly [string, string, Uint8Array, (log: RunningLog) => unknown][] = [
  ['a tile', 'tile', tileKey(0, 1), (log) => log.readTile({ level: 0, index: 1, width: 9 })],
  ['a tile on the way of a proof', 'tile', tileKey(0, 0), (log) => log.nodesOnPath(leafIndex(3))],
  ['a bundle', 'bundle', bundleKey(1), (log) => log.readBundle({ index: 1, width: 9 })],
  ['a bundle for entries', 'bundle', bundleKey(0), (log) => log.readEntries(leafIndex(2), treeSize(3))],
  ['the leaf-hash index', 'leaf-hash', leafKey(leafHash), (log) => log.findLeaf(leafHash)],
  ['a kept head', 'head', keptKey(300), (log) => log.keptHead(treeSize(300))],
  ['a kept head in a list', 'head', keptKey(300), (log) => log.keptHeads(treeSize(0), 10)],
];

describe.each(LENGTHS)('STORE-16 a value of %s under a check that holds', (_, edit) => {
  test.each(READS)('of %s is storage_corrupt and a finding of its row', async (_, part, key, read) => {
    const rotting = await filled();
    await rotting.change(key, edit);
    // Tiles of this process are in memory: a finding of whatever row lets go of them.
    rotting.log.stored().report({ row: retryKey(new Uint8Array(32)), message: 'a test says so' });
    const error = { code: 'storage_corrupt', details: { row: hex(key) } };
    await expect((async () => read(rotting.log))()).rejects.toMatchObject(error);
    expect(rotting.log.findings.slice(1)).toMatchObject([{ part, row: hex(key) }]);
    expect(rotting.log.head.size).toBe(600);
  });

  test.each<[string, string, Uint8Array, 'key' | 'content']>([
    ['a retry key', 'retry', retryKey(retryKeyNumber(0)), 'key'],
    ['the leaf-hash index', 'leaf-hash', leafKey(nodeHasher.leafHash(Buffer.from('entry 0'))), 'content'],
  ])('of %s that a commit looks up refuses it and is a finding', async (_, part, key, duplicates) => {
    const { log, change } = await filled(duplicates);
    await change(key, edit);
    const append = fill(log, 0, 300, duplicates === 'key');
    await expect(append).rejects.toMatchObject({ code: 'log_damaged' });
    expect(log.findings).toMatchObject([{ part, row: hex(key), foundBy: 'append' }]);
  });

  test.each<[string, Uint8Array]>([
    ['the state', STATE_KEY],
    ['a record of the open bundle', edgeKey(512)],
    ['a tile', tileKey(0, 1)],
    ['a bundle', bundleKey(0)],
  ])('of %s refuses the start and names the row', async (_, key) => {
    const { log, change, dir } = await filled();
    await change(key, edit);
    await log.close();
    const refusal = { code: 'data_damaged', details: { row: hex(key) } };
    await expect(rottingLog({ dir })).rejects.toMatchObject(refusal);
  });

  test('of a kept head is storage_corrupt for whoever looks into the files, and a difference for fsck', async () => {
    const { log, change, dir } = await filled();
    await change(keptKey(300), edit);
    await log.close();
    await using inspected = await inspectLog(dir, 'main');
    const error = { code: 'storage_corrupt', details: { row: hex(keptKey(300)) } };
    await expect(inspected.keptHeads(treeSize(0), 10)).rejects.toMatchObject(error);
    const checked = await fsckLog(inspected, { hasher: nodeHasher, verifyHead: () => undefined });
    expect(checked.difference).toMatchObject({ part: 'head', index: 300 });
  });
});
