import { describe, expect, test } from 'vitest';
import { leafIndex } from '../../src/core/units.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { LogPass, newPass, type PassPosition, stepsOf } from '../../src/scrub/pass.ts';
import { scrubSlices } from '../../src/scrub/slices.ts';
import type { Damage } from '../../src/sequencer/finding.ts';
import type { StoredLog } from '../../src/sequencer/stored-log.ts';
import { unsealValue } from '../../src/store/checked-store.ts';
import { rowPlace } from '../../src/store/row-place.ts';
import {
  bundleKey,
  edgeKey,
  encodeIndex,
  keptKey,
  leafKey,
  retryKey,
  STATE_KEY,
  tileKey,
} from '../../src/store/rows.ts';
import { fill, flipped, type RottingLog, retryKeyNumber, rottingLog } from '../support/rotting-log.ts';

const SIZE = 66_000;
const HASH = expect.stringMatching(/^[0-9a-f]{64}$/);
/** What the tree has, and what lies there. */
const BOTH = { expected: HASH, actual: HASH };
let rotting: RottingLog;
let kept = 0;

/** One log for all rows: each spoils a row and puts it back. */
async function grownLog(): Promise<RottingLog> {
  let nowMs = Date.UTC(2050, 0, 1);
  const made = await rottingLog({ clock: { ...systemClock, nowMs: () => nowMs } });
  await fill(made.log, 0, SIZE - 100, true);
  kept = made.log.head.size;
  nowMs += 120_000;
  await fill(made.log, SIZE - 100, SIZE - 50, true);
  nowMs += 120_000;
  await fill(made.log, SIZE - 50, SIZE, false);
  return made;
}

async function pass(log: StoredLog, from?: PassPosition): Promise<{ damages: Damage[]; end: PassPosition }> {
  const run = new LogPass(log, nodeHasher);
  const damages: Damage[] = [];
  for (let at = from ?? newPass(log.tree().state.size, 0); ; ) {
    const step = await run.step(at);
    damages.push(...step.damages);
    if (step.isLast) return { damages, end: step.next };
    at = step.next;
  }
}

/** The steps of a pass that come by a row: those of its bundle, or all behind the bundles. */
async function near(log: StoredLog, key: Uint8Array): Promise<Damage[]> {
  const { part, index = 0, level = 0 } = rowPlace(key);
  const start = newPass(SIZE, 0);
  const isOfLeaves = part === 'bundle' || part === 'leaf-hash' || (part === 'tile' && level === 0);
  if (part === 'tile' && level > 0) return (await new LogPass(log, nodeHasher).step(start)).damages.slice();
  if (!isOfLeaves) return (await pass(log, { ...start, phase: 'edge' })).damages;
  return (
    await new LogPass(log, nodeHasher).step({ ...start, phase: 'bundles', next: index })
  ).damages.slice();
}

const leafRow = (i: number): Uint8Array => leafKey(nodeHasher.leafHash(Buffer.from(`entry ${i}`)));

describe('SCRUB-1 a pass', () => {
  test('finds whatever is wrong with a row, and names it', async () => {
    rotting = await grownLog();
    const stored = rotting.log.stored();
    const { damages, end } = await pass(stored);
    expect(damages).toEqual([]);
    expect(end).toMatchObject({ entriesChecked: SIZE, findings: 0, treeSize: SIZE });
    expect(end.steps).toBeLessThanOrEqual(stepsOf(stored, SIZE));
    expect(kept).toBe(SIZE - 100);

    const flip = (at: number) => (value: Uint8Array) => flipped(value, at);
    const bit =
      (key: Uint8Array, at = 0) =>
      () =>
        rotting.rot(key, at);
    const content = (key: Uint8Array, edit: (value: Uint8Array) => Uint8Array) => () =>
      rotting.change(key, edit);
    const gone = (key: Uint8Array) => () => rotting.drop(key);
    const rows: [name: string, key: Uint8Array, spoil: () => Promise<void>, found: object][] = [
      ['bundle, a bit', bundleKey(0), bit(bundleKey(0), 7), { part: 'bundle', index: 0, entry: 0, ...BOTH }],
      ['bundle, gone', bundleKey(256), gone(bundleKey(256)), { part: 'bundle', index: 256 }],
      [
        'bundle, an entry',
        bundleKey(3),
        content(bundleKey(3), flip(2)),
        { part: 'bundle', index: 3, entry: 768, ...BOTH },
      ],
      ['bundle, a length', bundleKey(3), content(bundleKey(3), flip(0)), { part: 'bundle', index: 3 }],
      [
        'leaf tile, a bit',
        tileKey(0, 5),
        bit(tileKey(0, 5), 40),
        { part: 'tile', level: 0, index: 5, ...BOTH },
      ],
      ['leaf tile, gone', tileKey(0, 256), gone(tileKey(0, 256)), { part: 'tile', level: 0, index: 256 }],
      [
        'leaf tile, a leaf',
        tileKey(0, 5),
        content(tileKey(0, 5), flip(40)),
        { part: 'tile', level: 0, index: 5 },
      ],
      [
        'leaf tile, another in its place',
        tileKey(0, 5),
        content(tileKey(0, 5), () =>
          unsealValue(tileKey(0, 6), rotting.raw(tileKey(0, 6)) ?? new Uint8Array(0)),
        ),
        { part: 'tile', level: 0, index: 5 },
      ],
      [
        'leaf tile, an inner hash',
        tileKey(0, 5),
        content(tileKey(0, 5), flip(8_192 + 40)),
        { part: 'tile', level: 0, index: 5 },
      ],
      [
        'leaf tile, cut',
        tileKey(0, 5),
        content(tileKey(0, 5), (v) => v.slice(0, 8_192)),
        { part: 'tile', index: 5 },
      ],
      ['upper tile, a bit', tileKey(1, 0), bit(tileKey(1, 0)), { part: 'tile', level: 1, index: 0, ...BOTH }],
      [
        'upper tile, a hash',
        tileKey(1, 0),
        content(tileKey(1, 0), flip(0)),
        { part: 'tile', level: 1, index: 0 },
      ],
      [
        'edge record, a bit',
        edgeKey(SIZE - 50),
        bit(edgeKey(SIZE - 50), 3),
        { part: 'edge', index: SIZE - 50, entry: SIZE - 50, ...BOTH },
      ],
      [
        'edge record, a length',
        edgeKey(SIZE - 50),
        bit(edgeKey(SIZE - 50)),
        { part: 'edge', index: SIZE - 50 },
      ],
      ['edge record, gone', edgeKey(SIZE - 50), gone(edgeKey(SIZE - 50)), { part: 'edge', index: SIZE - 50 }],
      [
        'edge record, an entry',
        edgeKey(SIZE - 50),
        content(edgeKey(SIZE - 50), flip(3)),
        { part: 'edge', index: SIZE - 50, entry: SIZE - 50 },
      ],
      ['state, a bit', STATE_KEY, bit(STATE_KEY), { part: 'state' }],
      ['state, the root', STATE_KEY, content(STATE_KEY, flip(20)), { part: 'state' }],
      ['state, the size', STATE_KEY, content(STATE_KEY, flip(6)), { part: 'state' }],
      ['state, gone', STATE_KEY, gone(STATE_KEY), { part: 'state' }],
      ['kept head, a bit', keptKey(kept), bit(keptKey(kept)), { part: 'head', index: kept }],
      [
        'kept head, its signature',
        keptKey(kept),
        content(keptKey(kept), (v) => flipped(v, v.length - 9)),
        { part: 'head', index: kept },
      ],
      ['kept head, gone', keptKey(kept), gone(keptKey(kept)), { part: 'head', index: kept }],
      [
        'the newest kept head, gone',
        keptKey(SIZE - 50),
        gone(keptKey(SIZE - 50)),
        { part: 'head', index: SIZE - 50 },
      ],
      ['leaf index, a bit', leafRow(9), bit(leafRow(9)), { part: 'leaf-hash', entry: 9 }],
      ['leaf index, gone', leafRow(9), gone(leafRow(9)), { part: 'leaf-hash', entry: 9 }],
      [
        'leaf index, a later leaf',
        leafRow(9),
        content(leafRow(9), () => encodeIndex(leafIndex(10))),
        { part: 'leaf-hash', entry: 9 },
      ],
      [
        'leaf index, an earlier leaf',
        leafRow(9),
        content(leafRow(9), () => encodeIndex(leafIndex(8))),
        { part: 'leaf-hash', entry: 9 },
      ],
      ['retry key, a bit', retryKey(retryKeyNumber(0)), bit(retryKey(retryKeyNumber(0))), { part: 'retry' }],
      [
        'retry key, beyond the tree',
        retryKey(retryKeyNumber(0)),
        content(retryKey(retryKeyNumber(0)), flip(4)),
        { part: 'retry' },
      ],
    ];
    const whole = new Set([
      'bundle, an entry',
      'leaf tile, another in its place',
      'upper tile, a hash',
      'leaf index, a later leaf',
    ]);
    for (const [name, key, spoil, found] of rows) {
      const before = rotting.raw(key)?.slice();
      await spoil();
      const wrong = whole.has(name) ? (await pass(stored)).damages : await near(stored, key);
      const named = wrong.map(({ row, ...facts }) => ({ ...facts, ...rowPlace(row ?? new Uint8Array(0)) }));
      expect([name, named[0]]).toEqual([name, expect.objectContaining(found)]);
      // What is wrong is not blamed on others.
      const blamed = new Set(wrong.map(({ row }) => Buffer.from(row ?? []).toString('hex')));
      expect([name, [...blamed]]).toEqual([name, [Buffer.from(key).toString('hex')]]);
      await rotting.put(key, before);
    }
    expect((await pass(stored)).damages).toEqual([]);
  }, 120_000);
});

describe('SCRUB-1 a log without some of the parts', () => {
  test.each([
    ['empty', {}, 0],
    ['no leaf-hash index', { leafHashIndex: false }, 600],
    ['duplicates by content', { duplicates: 'content' }, 600],
    ['exactly one bundle', {}, 256],
  ] as const)('%s', async (_, options, size) => {
    const { log } = await rottingLog(options);
    await fill(log, 0, size);
    const { damages, end } = await pass(log.stored());
    expect([damages, end.entriesChecked]).toEqual([[], size]);
  });

  test('equal entries are named by the first of them', async () => {
    const { log, change } = await rottingLog();
    const entries = Array.from({ length: 600 }, (_, i) => Buffer.from(`${i % 100}`));
    await log.append({ entries });
    expect((await pass(log.stored())).damages).toEqual([]);
    const row = leafKey(nodeHasher.leafHash(Buffer.from('7')));
    await change(row, () => encodeIndex(leafIndex(107)));
    expect((await pass(log.stored())).damages).toMatchObject([{ row, entry: 7 }]);
  });

  test('a bit that flips in the tree in memory is found before anything is signed over it', async () => {
    const { log } = await rottingLog();
    await fill(log, 0, 300);
    const stored = log.stored();
    const { head, ...tree } = stored.tree();
    const spoilt = { ...tree, head: { ...head, rootHash: flipped(head.rootHash, 3) } };
    const { damages } = await pass({ ...stored, tree: () => spoilt });
    expect(damages).toMatchObject([{ message: expect.stringContaining('in memory') }]);
  });

  test('a log that grows meanwhile is not blamed for it', async () => {
    const { log } = await rottingLog();
    await fill(log, 0, 1_000, true);
    let size = 1_000;
    const stored = log.stored();
    const run = new LogPass(stored, nodeHasher);
    for (let at = newPass(size, 0); ; ) {
      const growing = fill(log, size, size + 100, true);
      const step = await run.step(at);
      expect(step.damages).toEqual([]);
      await growing;
      size += 100;
      if (step.isLast) break;
      at = step.next;
    }
    expect(size).toBeGreaterThan(1_700);
  });
});

test('SCRUB-2 no row is read in the thread of the event loop', async () => {
  const { log } = await rottingLog();
  await fill(log, 0, 600, true);
  const stored = log.stored();
  const reads: boolean[] = [];
  const getMany: StoredLog['stored']['getMany'] = (...args) => {
    const found = stored.stored.getMany(...args);
    reads.push(found instanceof Promise);
    return found;
  };
  const { iterate } = stored.stored;
  const spied = { getMany, iterate: iterate.bind(stored.stored) };
  expect((await pass({ ...stored, stored: spied })).damages).toEqual([]);
  expect(reads).toEqual([true, true]);
});

describe('SCRUB-2 slices', () => {
  test.each([
    ['many small entries', 1_024, (i: number) => Buffer.from(`${i}`), 8],
    ['few large ones', 256, (i: number) => Buffer.alloc(20_000, `${i}`), 4],
  ])('%s: the event loop gets its turns', async (_, size, entry, turnsMin) => {
    const { log } = await rottingLog();
    await log.append({ entries: Array.from({ length: size }, (__, i) => entry(i)) });
    let turns = 0;
    const slices = scrubSlices(async () => {
      turns += 1;
    });
    const run = new LogPass(log.stored(), nodeHasher, { slices });
    for (let at = newPass(size, 0), isLast = false; !isLast; ) ({ next: at, isLast } = await run.step(at));
    expect(turns).toBeGreaterThanOrEqual(turnsMin);
  });
});
