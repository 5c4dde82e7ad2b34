import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { emptyFrontier } from '../../src/core/merkle/frontier.ts';
import { emptyEdge } from '../../src/core/tile/edge.ts';
import { treeSize } from '../../src/core/units.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { placeEntries } from '../../src/sequencer/place-entries.ts';
import { type BatchPlan, planBatch } from '../../src/sequencer/plan-batch.ts';
import { checkCommit } from '../../src/sequencer/self-check.ts';
import { TileReader } from '../../src/sequencer/tile-reader.ts';
import type { TreeState } from '../../src/sequencer/tree-state.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { edgeKey } from '../../src/store/rows.ts';
import { flipped } from '../support/rotting-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

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

function plan(state: TreeState, count: number): BatchPlan {
  const entries = Array.from({ length: count }, (_, i) => Buffer.from(`entry ${state.size + i}`));
  const leafHashes = entries.map((entry) => nodeHasher.leafHash(entry));
  const known = { retries: new Map(), firstIndexes: new Map(), indexed: new Set<string>() };
  const placement = placeEntries(state.size, 'off', [{ request: { entries }, leafHashes }], known);
  const head = { size: state.size, rootHash: state.rootHash, note: '' };
  return planBatch({ hasher: nodeHasher, state, head, placement, leafHashIndex: true, nowMs: 0 });
}

type Check = (state: TreeState, planned: BatchPlan) => Promise<TreeState>;

/** Checks commits against a database that has what a sound plan wrote. */
async function checking(): Promise<{ check: Check; write: (planned: BatchPlan) => Promise<void> }> {
  const store = new CheckedStore(await LevelStore.create(join(await tempFolder(), 'db')));
  onTestFinished(() => store.close());
  const tiles = new TileReader(store, nodeHasher);
  const check: Check = async (state, planned) => {
    const frontier = await checkCommit(nodeHasher, store, state, planned, (nodes) =>
      tiles.readNodes(planned.edge, nodes),
    );
    return { ...planned, size: treeSize(planned.nextSize), frontier };
  };
  return { check, write: async (planned) => void (await store.commit(planned.batch)) };
}

const without = (planned: BatchPlan, key: Uint8Array): BatchPlan['checked'] =>
  planned.checked.filter((row) => Buffer.compare(row.key, key) !== 0);

/** A tree of 300 entries, and a plan for 10 more with one mistake in either. */
const mistakes: [string, (state: TreeState, planned: BatchPlan) => [TreeState, BatchPlan], RegExp][] = [
  [
    'a row that was never written',
    (state, planned) => [
      state,
      { ...planned, checked: [...planned.checked, { key: edgeKey(999), value: new Uint8Array(1) }] },
    ],
    /was not stored as written/,
  ],
  [
    'an entry that the plan forgot',
    (state, planned) => [state, { ...planned, checked: without(planned, edgeKey(300)) }],
    /entry 300 was not stored/,
  ],
  [
    'a leaf hash that is not of its entry',
    (state, planned) => {
      const leaves = planned.leaves.map((leaf) => ({ ...leaf, leafHash: flipped(leaf.leafHash, 0) }));
      return [state, { ...planned, leaves }];
    },
    /entry 300 does not hash to its leaf/,
  ],
  [
    'a leaf more than there are entries',
    (state, planned) => [state, { ...planned, leaves: [...planned.leaves, ...planned.leaves.slice(-1)] }],
    /entry 309 does not hash to its leaf/,
  ],
  [
    'a root that the frontier does not have',
    (state, planned) => [state, { ...planned, rootHash: flipped(planned.rootHash, 0) }],
    /the root by tiles and by frontier differ/,
  ],
  [
    'an old root that the proof does not lead to',
    (state, planned) => [{ ...state, rootHash: flipped(state.rootHash, 0) }, planned],
    /the new tree does not extend the old one/,
  ],
];

describe('SEQ-3 what a commit proves to itself', () => {
  test('sound growth is accepted, over the end of a bundle too', async () => {
    const { check, write } = await checking();
    let state = EMPTY;
    for (const count of [1, 254, 1, 300, 10]) {
      const planned = plan(state, count);
      await write(planned);
      state = await check(state, planned);
    }
    expect(state.size).toBe(566);
  });

  test.each(mistakes)('%s', async (_, mistake, message) => {
    const { check, write } = await checking();
    const before = plan(EMPTY, 300);
    await write(before);
    const state = await check(EMPTY, before);
    const planned = plan(state, 10);
    await write(planned);
    await check(state, planned);
    const checked = check(...mistake(state, planned));
    await expect(checked).rejects.toMatchObject({ code: 'self_check_failed' });
    await expect(checked).rejects.toThrow(message);
  });
});
