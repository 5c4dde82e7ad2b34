import { expect, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { logPaths } from '../../src/sequencer/data-directory.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { bundleKey, tileKey } from '../../src/store/rows.ts';
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
