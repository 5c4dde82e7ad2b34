import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { FINDINGS_MAX } from '../../src/sequencer/damage-record.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { isCleanStop } from '../../src/sequencer/recovery.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { bundleKey, edgeKey, leafKey, OPEN_KEY, retryKey, tileKey } from '../../src/store/rows.ts';
import { fill, flipped, type RottingLog, retryKeyNumber, rottingLog } from '../support/rotting-log.ts';
import { waitingLog } from '../support/waiting-log.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const corrupt = { code: 'storage_corrupt' };
const refused = { code: 'log_damaged' };

/** Two full bundles and some open entries. */
async function filled(): Promise<RottingLog> {
  const rotting = await rottingLog();
  await fill(rotting.log, 0, 600, true);
  return rotting;
}

const recordOf = async ({ dir }: RottingLog): Promise<{ findings: object[] }> =>
  JSON.parse(await readFile(join(dir.dataPath, 'logs/main/damage.json'), 'utf8'));

/** Whether a closed log of 600 entries bears the mark of a stop in good order. */
async function stoppedCleanly({ dataPath }: RottingLog['dir']): Promise<boolean> {
  const level = await LevelStore.open(join(dataPath, 'logs/main/db'));
  try {
    return isCleanStop(await new CheckedStore(level).get(OPEN_KEY), treeSize(600));
  } finally {
    await level.close();
  }
}

const leafRow = (i: number): Uint8Array => leafKey(nodeHasher.leafHash(bytes(`entry ${i}`)));

describe('SCRUB-8 wrong bytes met by a read are a finding', () => {
  test('with part, index, row and what to do, in a file and told once', async () => {
    const rotting = await filled();
    await rotting.rot(bundleKey(0), 5);
    for (let times = 0; times < 2; times += 1)
      expect(() => rotting.log.readBundle({ index: 0, width: 256 })).toThrow(
        expect.objectContaining(corrupt),
      );
    await expect(rotting.log.readEntries(leafIndex(3), treeSize(4))).rejects.toMatchObject(corrupt);
    await rotting.log.close();
    const [finding] = rotting.log.findings;
    expect(finding).toMatchObject({
      log: 'main',
      part: 'bundle',
      index: 0,
      row: Buffer.from(bundleKey(0)).toString('hex'),
      foundBy: 'read',
      message: expect.stringContaining('bundle 0 fails its check'),
      whatNext: expect.stringContaining('stele repair'),
    });
    expect((await recordOf(rotting)).findings).toEqual([finding]);
    expect(rotting.alerts).toEqual([{ finding, unkept: undefined }]);
  });

  test('an entry under a valid check that is not its leaf names both hashes', async () => {
    const rotting = await filled();
    await rotting.change(bundleKey(1), (value) => flipped(value, 4));
    await expect(rotting.log.readEntries(leafIndex(256), treeSize(257))).rejects.toMatchObject(corrupt);
    const [finding] = rotting.log.findings;
    expect(finding).toMatchObject({ part: 'bundle', index: 1, entry: 256 });
    expect(finding?.expected).toBe(Buffer.from(nodeHasher.leafHash(bytes('entry 256'))).toString('hex'));
    expect(finding?.actual).toMatch(/^[0-9a-f]{64}$/);
    expect(finding?.actual).not.toBe(finding?.expected);
  });

  test('a row of the leaf-hash index', async () => {
    const rotting = await filled();
    await rotting.rot(leafRow(7));
    const find = async () => rotting.log.findLeaf(nodeHasher.leafHash(bytes('entry 7')));
    await expect(find()).rejects.toMatchObject(corrupt);
    expect(rotting.log.findings).toMatchObject([{ part: 'leaf-hash' }]);
  });

  test('a bundle that is gone', async () => {
    const rotting = await filled();
    await rotting.drop(bundleKey(1));
    const read = () => rotting.log.readBundle({ index: 1, width: 9 });
    expect(read).toThrow(expect.objectContaining(corrupt));
    expect(rotting.log.findings).toMatchObject([{ part: 'bundle', index: 1 }]);
  });

  test('a retry key that a commit looks up: the request is refused, the log lives on and reads', async () => {
    const rotting = await filled();
    await rotting.rot(retryKey(retryKeyNumber(0)));
    await expect(fill(rotting.log, 0, 600, true)).rejects.toMatchObject(refused);
    expect(rotting.log.findings).toMatchObject([{ part: 'retry', foundBy: 'append' }]);
    expect(rotting.log.head.size).toBe(600);
    expect(await rotting.log.readEntries(leafIndex(5), treeSize(6))).toHaveLength(1);
    const ended = await Promise.race([rotting.log.failed, Promise.resolve('lives')]);
    expect(ended).toBe('lives');
  });
});

describe('SCRUB-4 what is damaged is withheld, all else is read', () => {
  test('a tile that is in memory already, and a row whose check holds', async () => {
    const rotting = await filled();
    expect(rotting.log.readTile({ level: 0, index: 0, width: 256 })).toHaveLength(8_192);
    rotting.log.stored().report({ row: tileKey(0, 0), message: 'a test says so' });
    expect(() => rotting.log.readTile({ level: 0, index: 0, width: 256 })).toThrow(
      expect.objectContaining(corrupt),
    );
    expect(() => rotting.log.proveInclusion(leafIndex(9), treeSize(600))).toThrow(
      expect.objectContaining(corrupt),
    );
    expect(rotting.log.readTile({ level: 0, index: 1, width: 256 })).toHaveLength(8_192);
    expect(rotting.log.readBundle({ index: 1, width: 256 })).toBeInstanceOf(Uint8Array);
    expect(await rotting.log.proveInclusion(leafIndex(599), treeSize(600))).toMatchObject({
      proof: expect.any(Array),
    });
  });
});

describe('SCRUB-5 a log with an open finding signs nothing', () => {
  test('also after a restart, while reads go on', async () => {
    const rotting = await filled();
    await rotting.rot(leafRow(7));
    await expect(
      (async () => rotting.log.findLeaf(nodeHasher.leafHash(bytes('entry 7'))))(),
    ).rejects.toMatchObject(corrupt);
    await expect(fill(rotting.log, 600, 601)).rejects.toMatchObject(refused);
    expect(rotting.log.status()).toMatchObject({ acceptsEntries: false, reason: 'log_damaged' });
    const found = rotting.log.findings;
    await rotting.log.close();

    const again = await rottingLog({ dir: rotting.dir });
    expect(again.log.findings).toEqual(found);
    expect(again.log.status()).toMatchObject({ acceptsEntries: false, reason: 'log_damaged' });
    await expect(fill(again.log, 600, 601)).rejects.toMatchObject(refused);
    expect(await again.log.readEntries(leafIndex(7), treeSize(8))).toEqual([bytes('entry 7')]);
    expect(again.log.head).toEqual(rotting.log.head);
    expect(again.alerts).toEqual([]);
  });

  test('a commit under way is finished, what waits is refused and was not done', async () => {
    const { log, raising, go } = await waitingLog();
    const underWay = fill(log, 0, 1);
    await raising;
    const waiting = fill(log, 1, 2);
    log.stored().report({ message: 'a test says so' });
    await expect(waiting).rejects.toMatchObject(refused);
    expect(log.status().queuedEntries).toBe(1);
    go();
    await underWay;
    expect(log.head.size).toBe(1);
    await log.close();
  });

  test('a tree whose head was never signed refuses the start until it is repaired', async () => {
    const rotting = await filled();
    await rotting.log.close();
    const { dir } = rotting;
    await cp(dir.guardPath, `${dir.guardPath}.old`, { recursive: true });
    const grown = await openLog({ dir, clock: systemClock }, 'main');
    await grown.append({ entries: [bytes('more')] });
    await grown.close();
    await rm(dir.guardPath, { recursive: true });
    await cp(`${dir.guardPath}.old`, dir.guardPath, { recursive: true });
    const record = join(dir.dataPath, 'logs/main/damage.json');
    await writeFile(record, JSON.stringify({ schema: 1, findings: [{ message: 'x' }], more: 0 }));
    await expect(openLog({ dir, clock: systemClock }, 'main')).rejects.toMatchObject({
      code: 'data_damaged',
      details: { dataSize: 601, guardSize: 600 },
    });
    await rm(record);
    await using log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.head.size).toBe(601);
  });
});

describe('SCRUB-6 beyond 1,000 findings', () => {
  /** A thousand findings of the leaf-hash index, which leave every other sort as it was. */
  function fillRecord({ log }: RottingLog): void {
    for (let i = 0; i < FINDINGS_MAX; i += 1)
      log.stored().report({ row: leafRow(10_000 + i), message: `leaf-hash row ${i} is wrong` });
  }

  test('no row of the sort is read, also after a restart; every other sort is', async () => {
    const rotting = await filled();
    const { log } = rotting;
    fillRecord(rotting);
    expect(log.readTile({ level: 0, index: 1, width: 256 })).toHaveLength(8_192);
    expect(await log.findLeaf(nodeHasher.leafHash(bytes('entry 7')))).toBe(7);
    log.stored().report({ row: tileKey(0, 0), message: 'a test says so' });
    const withheld = (again: RottingLog['log']) => {
      for (const index of [0, 1])
        expect(() => again.readTile({ level: 0, index, width: 256 })).toThrow(
          expect.objectContaining(corrupt),
        );
      expect(() => again.proveInclusion(leafIndex(300), treeSize(600))).toThrow(
        expect.objectContaining(corrupt),
      );
      expect(again.readBundle({ index: 1, width: 256 })).toBeInstanceOf(Uint8Array);
      expect([again.moreFindings, again.withheldSorts]).toEqual([1, ['tile']]);
    };
    withheld(log);
    // A read of a row that is right and withheld with its sort is no finding of its own.
    expect(log.findings).toHaveLength(FINDINGS_MAX);
    await log.close();
    expect(rotting.alerts).toHaveLength(FINDINGS_MAX + 1);
    const again = await rottingLog({ dir: rotting.dir });
    withheld(again.log);
    await expect(fill(again.log, 600, 601)).rejects.toMatchObject(refused);
    expect(again.alerts).toEqual([]);
  });

  test('also what is looked for and not there: of a damaged index nobody knows', async () => {
    const rotting = await filled();
    const { log } = rotting;
    fillRecord(rotting);
    const unknown = nodeHasher.leafHash(bytes('in no entry'));
    expect(await log.findLeaf(unknown)).toBeUndefined();
    log.stored().report({ row: leafRow(20_000), message: 'one more' });
    await expect((async () => log.findLeaf(unknown))()).rejects.toMatchObject(corrupt);
    expect(log.proveInclusion(leafIndex(300), treeSize(600))).toMatchObject({ proof: expect.any(Array) });
  });

  test('a record of before, which does not name the sorts, withholds every row and no head', async () => {
    const rotting = await filled();
    await rotting.log.close();
    const record = join(rotting.dir.dataPath, 'logs/main/damage.json');
    await writeFile(record, JSON.stringify({ schema: 1, findings: [{ message: 'x' }], more: 1 }));
    const { log } = await rottingLog({ dir: rotting.dir });
    expect(log.head).toEqual(rotting.log.head);
    for (const read of [
      () => log.readTile({ level: 0, index: 0, width: 256 }),
      () => log.readBundle({ index: 0, width: 256 }),
      () => log.findLeaf(nodeHasher.leafHash(bytes('entry 7'))),
    ])
      expect(read).toThrow(expect.objectContaining(corrupt));
  });
});

describe('SCRUB-6 the record of findings', () => {
  test.each([
    '',
    '{"schema":1}',
    '{"schema":2,"findings":[],"more":0}',
  ])('%j refuses the start', async (text) => {
    const rotting = await filled();
    await rotting.log.close();
    await writeFile(join(rotting.dir.dataPath, 'logs/main/damage.json'), text);
    await expect(rottingLog({ dir: rotting.dir })).rejects.toMatchObject({ code: 'data_damaged' });
  });

  test('that cannot be written is in force all the same, the operator is told why, and the next start checks everything', async () => {
    const rotting = await filled();
    await mkdir(join(rotting.dir.dataPath, 'logs/main/damage.json.new'));
    rotting.log.stored().report({ row: edgeKey(512), message: 'a test says so' });
    await expect(fill(rotting.log, 600, 601)).rejects.toMatchObject(refused);
    await rotting.log.close();
    expect(rotting.alerts).toMatchObject([
      { finding: { part: 'edge', index: 512 }, unkept: { code: 'EISDIR' } },
    ]);
    expect(await stoppedCleanly(rotting.dir)).toBe(false);
  });

  test('that was written later leaves nothing more to check than a stop in good order', async () => {
    const rotting = await filled();
    const inTheWay = join(rotting.dir.dataPath, 'logs/main/damage.json.new');
    await mkdir(inTheWay);
    rotting.log.stored().report({ row: edgeKey(512), message: 'a test says so' });
    await expect.poll(() => rotting.alerts.length).toBe(1);
    await rm(inTheWay, { recursive: true });
    rotting.log.stored().report({ row: leafRow(1), message: 'a test says so' });
    await rotting.log.close();
    expect(rotting.alerts).toMatchObject([{ unkept: { code: 'EISDIR' } }, { unkept: undefined }]);
    expect(await stoppedCleanly(rotting.dir)).toBe(true);
  });
});
