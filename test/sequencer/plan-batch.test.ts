import { describe, expect, test } from 'vitest';
import { emptyFrontier } from '../../src/core/merkle/frontier.ts';
import { emptyEdge } from '../../src/core/tile/edge.ts';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { mapKey, placeEntries } from '../../src/sequencer/place-entries.ts';
import { type BatchPlan, planBatch } from '../../src/sequencer/plan-batch.ts';
import type { TreeState } from '../../src/sequencer/tree-state.ts';
import { leafKey } from '../../src/store/rows.ts';

const NOTHING_KNOWN = { retries: new Map(), firstIndexes: new Map(), indexed: new Set<string>() };

const EMPTY: TreeState = {
  size: treeSize(0),
  rootHash: nodeHasher.emptyRoot,
  committedAtMs: 0,
  keptEnd: 0,
  edge: emptyEdge(nodeHasher),
  frontier: emptyFrontier,
  openEntries: [],
  edgeStarts: [],
};

function grow(state: TreeState, count: number, nowMs = 1): { plan: BatchPlan; state: TreeState } {
  const entries = Array.from({ length: count }, (_, i) => Buffer.from(`entry ${state.size + i}`));
  const leafHashes = entries.map((entry) => nodeHasher.leafHash(entry));
  const placement = placeEntries(state.size, 'off', [{ request: { entries }, leafHashes }], NOTHING_KNOWN);
  const head = { size: state.size, rootHash: state.rootHash, note: `note ${state.size}` };
  const plan = planBatch({ hasher: nodeHasher, state, head, placement, leafHashIndex: true, nowMs });
  return { plan, state: { ...plan, size: treeSize(plan.nextSize), frontier: emptyFrontier } };
}

/** The first letters of the keys that are written, each with how often. */
function rowsOf(plan: BatchPlan): Record<string, number> {
  const rows: Record<string, number> = {};
  for (const { key } of plan.batch.puts) {
    const letter = String.fromCharCode(key[0] ?? 0);
    rows[letter] = (rows[letter] ?? 0) + 1;
  }
  return rows;
}

describe('STORE-5 what a commit writes', () => {
  test.each([
    [0, 1, { e: 1, h: 1, s: 1 }, 0, [0]],
    [0, 255, { e: 1, h: 255, s: 1 }, 0, [0]],
    [0, 256, { b: 1, t: 1, h: 256, s: 1 }, 0, []],
    [0, 257, { b: 1, t: 1, e: 1, h: 257, s: 1 }, 0, [256]],
    [255, 1, { b: 1, t: 1, h: 1, s: 1 }, 1, []],
    [255, 2, { b: 1, t: 1, e: 1, h: 2, s: 1 }, 1, [256]],
    [300, 10, { e: 1, h: 10, s: 1 }, 0, [256, 300]],
    [300, 1000, { b: 4, t: 4, e: 1, h: 1000, s: 1 }, 1, [1280]],
  ])('from %i by %i', (from, count, rows, deletes, edgeStarts) => {
    const before = from === 0 ? EMPTY : grow(EMPTY, from).state;
    const { plan } = grow(before, count);
    expect([rowsOf(plan), plan.batch.deletes.length, plan.edgeStarts]).toEqual([rows, deletes, edgeStarts]);
  });

  test('edge records of one entry each are all covered by the bundle', () => {
    let state = EMPTY;
    for (let i = 0; i < 255; i += 1) state = grow(state, 1).state;
    expect(state.edgeStarts.length).toBe(255);
    const { plan } = grow(state, 1);
    expect([plan.batch.deletes.length, plan.edgeStarts, plan.openEntries]).toEqual([255, [], []]);
  });

  test('planning changes nothing of the state it starts from', () => {
    const { state } = grow(EMPTY, 300);
    const again = [grow(state, 5).plan.rootHash, grow(state, 5).plan.rootHash];
    expect(Buffer.from(again[0] ?? [])).toEqual(Buffer.from(again[1] ?? []));
    expect([state.size, state.openEntries.length]).toEqual([300, 44]);
  });
});

describe('SEQ-9 kept heads', () => {
  test.each([
    [0, 59_999, undefined],
    [59_999, 60_000, 1],
    [60_000, 119_999, undefined],
    [10, 600_000, 1],
    [600_000, 10, undefined],
  ])('committed at %i ms, the next at %i ms', (first, second, kept) => {
    const { state } = grow(EMPTY, 1, first);
    expect(rowsOf(grow({ ...state, committedAtMs: first }, 1, second).plan)['c']).toBe(kept);
  });
});

test('SEQ-9 a clock that goes back and comes again keeps no second head of its minute', () => {
  const heads = [600_000, 10, 600_001, 660_000].reduce<{ state: TreeState; kept: (number | undefined)[] }>(
    ({ state, kept }, nowMs) => {
      const grown = grow(state, 1, nowMs);
      return { state: grown.state, kept: [...kept, rowsOf(grown.plan)['c']] };
    },
    { state: EMPTY, kept: [] },
  );
  expect(heads.kept).toEqual([1, undefined, undefined, 1]);
});

test('SEQ-3 every row that is written is read back, but those of the leaf-hash index', () => {
  const entries = [Buffer.from('a')];
  const leafHashes = entries.map((entry) => nodeHasher.leafHash(entry));
  const idempotency = { key: new Uint8Array(32), contentHash: new Uint8Array(32) };
  const before = grow(EMPTY, 255).state;
  const placement = placeEntries(
    255,
    'key',
    [{ request: { entries, idempotency }, leafHashes }],
    NOTHING_KNOWN,
  );
  const head = { size: before.size, rootHash: before.rootHash, note: 'note 255' };
  const input = { hasher: nodeHasher, state: before, head, placement, leafHashIndex: true, nowMs: 60_000 };
  const plan = planBatch(input);
  expect(rowsOf(plan)).toEqual({ b: 1, t: 1, k: 1, c: 1, s: 1, h: 1 });
  const { h: _, ...others } = rowsOf(plan);
  expect(rowsOf({ ...plan, batch: { puts: plan.checked, deletes: [] } })).toEqual(others);
});

describe('SEQ-6 places inside one batch', () => {
  test('repeats of content and of keys are found among what the batch placed', () => {
    const entries = [Buffer.from('a'), Buffer.from('b')];
    const leafHashes = entries.map((entry) => nodeHasher.leafHash(entry));
    const request = { request: { entries }, leafHashes };
    const content = placeEntries(7, 'content', [request, request], NOTHING_KNOWN);
    expect(content.places).toEqual([
      { indexes: [7, 8], isNew: [true, true] },
      { indexes: [7, 8], isNew: [false, false] },
    ]);
    const off = placeEntries(7, 'off', [request, request], NOTHING_KNOWN);
    expect(off.leaves.map((leaf) => [leaf.index, leaf.indexed])).toEqual([
      [leafIndex(7), true],
      [leafIndex(8), true],
      [leafIndex(9), false],
      [leafIndex(10), false],
    ]);
    const unindexed = placeEntries(7, 'off', [request], { ...NOTHING_KNOWN, indexed: undefined });
    expect(unindexed.leaves.map((leaf) => leaf.indexed)).toEqual([false, false]);
  });

  test.each([
    'key',
    'content',
    'off',
  ] as const)('STORE-4 mode %s: of leaves whose hashes begin alike, the row names the first', (mode) => {
    const hash = (last: number): Uint8Array => new Uint8Array(32).fill(9).fill(last, 16);
    const request = (...lasts: number[]) => ({
      request: { entries: lasts.map((last) => Buffer.of(last)) },
      leafHashes: lasts.map(hash),
    });
    const indexed = (known: readonly Uint8Array[]): boolean[] =>
      placeEntries(7, mode, [request(1, 2), request(3)], {
        ...NOTHING_KNOWN,
        indexed: new Set(known.map((one) => mapKey(leafKey(one)))),
      }).leaves.map((leaf) => leaf.indexed);
    expect(indexed([])).toEqual([true, false, false]);
    expect(indexed([hash(4)])).toEqual([false, false, false]);
  });
});
