import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { CheckedStore, sealValue, unsealValue } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { bundleKey, OPEN_KEY, tileKey } from '../../src/store/rows.ts';
import { fill, flipped } from '../support/rotting-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

/** With a full tile of level 1, which is above all but a few of level 0. */
const SIZE = 66_000;

type Rows = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

test('SEQ-8 a start checks each bundle against its tile and each tile against the one above', async () => {
  const dir = await newDataDirectory();
  const from = await logOnFiles({ dir, clock: systemClock }, 'main');
  const log = await startLog(from);
  await fill(log, 0, SIZE);
  await log.close();

  /** Puts rows in place of others, sealed, and gives those that were there. */
  const put = async (rows: Rows): Promise<Rows> => {
    const store = new CheckedStore(await LevelStore.open(logPaths(dir, 'main').db));
    await store.accept();
    const before = rows.map(([key]) => [key, store.get(key) as Uint8Array] as const);
    await store.commit({ puts: rows.map(([key, value]) => ({ key, value })), deletes: [] });
    await store.close();
    return before;
  };
  const rowsOf = (...keys: Uint8Array[]): Promise<Rows> => put(keys.map((key) => [key, new Uint8Array()]));

  const sound = await rowsOf(bundleKey(3), tileKey(0, 3), bundleKey(4), tileKey(0, 4), tileKey(1, 0));
  await put(sound);
  const [bundle, tile, otherBundle, otherTile, above] = sound.map(([, value]) => value) as Uint8Array[];
  const spoilt: [string, Rows][] = [
    ['entry 768 does not match', [[bundleKey(3), flipped(bundle as Uint8Array, 3)]]],
    // Each sound by itself, and of another place.
    ['entry 768 does not match', [[bundleKey(3), otherBundle as Uint8Array]]],
    [
      'tile 0/3 does not match the tile above',
      [
        [bundleKey(3), otherBundle as Uint8Array],
        [tileKey(0, 3), otherTile as Uint8Array],
      ],
    ],
    ['inner hashes of tile 0/3', [[tileKey(0, 3), flipped(tile as Uint8Array, 8_192)]]],
    ['inner hashes of tile 1/0', [[tileKey(1, 0), flipped(above as Uint8Array, 9_000)]]],
  ];
  for (const [message, rows] of spoilt) {
    const before = await put(rows);
    await expect(startLog(from)).rejects.toMatchObject({
      code: 'data_damaged',
      message: expect.stringContaining(message),
    });
    await put(before);
  }
  const again = await startLog(from);
  expect(again.head.size).toBe(SIZE);
  await again.close();
});

describe('SEQ-8 the mark of a clean stop', () => {
  const check = { tailEntries: 0, beforeStartMax: 1_000_000 };
  const wrongBundle = { key: bundleKey(0), value: new Uint8Array(600) };

  async function stopped() {
    const dir = await newDataDirectory();
    const from = await logOnFiles({ dir, clock: systemClock }, 'main');
    const log = await startLog(from);
    await fill(log, 0, 300);
    await log.close();
    const engine = async (): Promise<LevelStore> => {
      const store = await LevelStore.open(logPaths(dir, 'main').db);
      await store.accept();
      return store;
    };
    return { from, engine };
  }

  test.each([
    ['is believed: only the end is looked at', [], false],
    ['that is damaged is none: everything is', [{ key: OPEN_KEY, value: new Uint8Array(9) }], true],
  ])('%s', async (_, puts, refuses) => {
    const { from, engine } = await stopped();
    const store = await engine();
    const sealed = { ...wrongBundle, value: sealValue(wrongBundle.key, wrongBundle.value) };
    await store.commit({ puts: [sealed, ...puts], deletes: [] });
    await store.close();
    const started = startLog(from, { check });
    if (refuses) await expect(started).rejects.toMatchObject({ code: 'data_damaged' });
    else await (await started).close();
  });

  test('that is damaged is written anew', async () => {
    const { from, engine } = await stopped();
    const store = await engine();
    await store.commit({ puts: [{ key: OPEN_KEY, value: new Uint8Array(9) }], deletes: [] });
    await store.close();
    await (await startLog(from, { check })).close();
    const again = await engine();
    expect(unsealValue(OPEN_KEY, again.get(OPEN_KEY) as Uint8Array)).toHaveLength(48);
    await again.close();
  });

  test('that cannot be read refuses the start with what the disk says', async () => {
    const { from, engine } = await stopped();
    const error = new Error('EIO');
    const store = await engine();
    const get = store.get.bind(store);
    store.get = (key) => {
      if (Buffer.compare(key, OPEN_KEY) === 0) throw error;
      return get(key);
    };
    await expect(startLog({ ...from, openStore: async () => store })).rejects.toBe(error);
  });
});
