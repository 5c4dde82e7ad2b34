import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { type FsckResult, fsckLog } from '../../src/fsck/fsck-log.ts';
import { keptKey } from '../../src/store/rows.ts';
import { MemoryLog } from '../support/memory-log.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const deps = { hasher: portableHasher, verifyHead: () => undefined };

function check(log: MemoryLog): Promise<FsckResult> {
  return fsckLog(log, deps);
}

function spoil(bytes: Uint8Array | undefined, at = 0): void {
  if (bytes === undefined) throw new RangeError('nothing to spoil');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
}

describe('FSCK-1 a sound log has no difference', () => {
  test.each([0, 1, 255, 256, 257, 511, 512, 65_536, 65_793])('size %i', async (size) => {
    const kept = [0, 1, 100, 256, 300].filter((n) => n < size);
    const result = await check(new MemoryLog(size, kept));
    expect(result.difference).toBeUndefined();
    expect(result).toMatchObject({ entries: size, heads: kept.length + 1 });
  });
});

describe('FSCK-1 more kept heads than one read gives', () => {
  test('each is checked once', async () => {
    const log = new MemoryLog(
      2_500,
      Array.from({ length: 2_500 }, (_, i) => i),
    );
    expect(await check(log)).toEqual({ entries: 2_500, heads: 2_501, tiles: 11 });
  });
});

describe('FSCK-2 the first difference is named', () => {
  test.each([0, 255, 256, 599])('entry %i changed', async (index) => {
    const log = new MemoryLog(600, [300]);
    spoil(log.entries[index]);
    expect((await check(log)).difference).toMatchObject({ part: 'entry', index });
  });

  test.each([
    ['full', 65_536, 1, 0],
    ['partial', 600, 1, 0],
    ['second', 65_537, 2, 0],
  ])('%s tile of size %i changed', async (_, size, level, index) => {
    const log = new MemoryLog(size);
    spoil(log.tileBytes(level, index), 31);
    expect((await check(log)).difference).toMatchObject({ part: 'tile', level, index });
  });

  test.each([0, 256, 300, 600])('head of size %i changed', async (size) => {
    const log = new MemoryLog(600, [0, 256, 300]);
    const at = log.heads.findIndex((head) => head.size === size);
    const head = log.heads[at] ?? log.head;
    log.heads[at] = { ...head, rootHash: new Uint8Array(32) };
    expect((await check(log)).difference).toMatchObject({ part: 'head', index: size });
  });

  test('a head whose signature is refused', async () => {
    const verifyHead = ({ size }: { size: number }): void => {
      if (size === 256) throw new TlogError('bad_signature', 'not signed by the log');
    };
    const result = await fsckLog(new MemoryLog(600, [256]), { ...deps, verifyHead });
    expect(result.difference).toMatchObject({ part: 'head', index: 256 });
  });

  test.each<[string, TlogError['details'], number]>([
    ['that are damaged: the row says which', { row: hex(keptKey(256)) }, 256],
    ['that are damaged, nobody says which: where the read began', {}, 0],
  ])('kept heads %s', async (_, details, index) => {
    const log = new MemoryLog(600, [256]);
    log.keptHeads = async () => {
      throw new TlogError('storage_corrupt', 'words', { details });
    };
    expect((await check(log)).difference).toEqual({ part: 'head', index, message: 'words' });
  });

  test('a list of heads that does not answer is no difference', async () => {
    const log = new MemoryLog(600, [256]);
    const error = new TlogError('unreachable', 'words');
    log.keptHeads = () => Promise.reject(error);
    await expect(check(log)).rejects.toBe(error);
  });

  test('a bundle that is missing', async () => {
    const log = new MemoryLog(600);
    const read = log.readBundle.bind(log);
    log.readBundle = (bundle) => (bundle.index === 1 ? undefined : read(bundle));
    expect((await check(log)).difference).toMatchObject({ part: 'bundle', index: 1 });
  });
});
