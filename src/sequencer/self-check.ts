import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { consistencyPlan, verifyConsistency } from '../core/merkle/consistency.ts';
import { appendLeaves, type Frontier, frontierRoot } from '../core/merkle/frontier.ts';
import type { Hash, TreeHasher } from '../core/merkle/hasher.ts';
import type { NodeReader } from '../core/merkle/node.ts';
import { assembleProof } from '../core/merkle/proof-plan.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import { treeSize } from '../core/units.ts';
import type { Slices } from '../runtime/slices.ts';
import { bundleKey, edgeKey, LETTER } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { BatchPlan } from './plan-batch.ts';
import type { TreeState } from './tree-state.ts';

/**
 * Reads back what a commit wrote and proves it to itself before anything is signed: the rows are the ones
 * planned, the leaf hashes follow from the stored bytes, the root comes out the same by other code, and the
 * client's verifier accepts the growth. With slices the work is cut into them. Gives the frontier of the new tree.
 * @throws TlogError self_check_failed, storage_corrupt: the process ends
 */
export async function checkCommit(
  hasher: TreeHasher,
  store: Store,
  state: TreeState,
  plan: BatchPlan,
  readNodes: NodeReader,
  slices?: Slices,
): Promise<Frontier> {
  const rows = await readBack(store, plan, slices);
  const leafHashes = await rehashNewLeaves(hasher, state, plan, rows, slices);
  await slices?.rest();
  const frontier = appendLeaves(hasher, state.frontier, leafHashes);
  if (!equalBytes(frontierRoot(hasher, frontier), plan.rootHash))
    throw failed('the root by tiles and by frontier differ');
  await checkConsistency(hasher, state, plan, readNodes);
  return frontier;
}

/** Those of them that hold entries, by the hex of their keys. */
async function readBack(
  store: Store,
  plan: BatchPlan,
  slices: Slices | undefined,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const rows = new Map<string, Uint8Array>();
  // With slices LevelDB reads in the pool, and each of its answers comes in a turn of its own.
  const parts = slices === undefined ? [plan.checked] : partsOf(plan.checked);
  for (const part of parts) {
    const found = await store.getMany(
      part.map((row) => row.key),
      { inPool: slices !== undefined, slices },
    );
    for (const [i, row] of part.entries()) {
      const name = Buffer.from(row.key).toString('hex');
      const stored = found[i];
      if (stored === undefined || Buffer.compare(stored, row.value) !== 0)
        throw failed(`row ${name} was not stored as written`);
      const letter = row.key[0];
      if (letter === LETTER.bundle || letter === LETTER.edge) rows.set(name, stored);
    }
  }
  return rows;
}

/** Bytes of rows, and rows, that are read back at once; a row may have 16 MiB by itself. */
const READ_BYTES = 4 * 1024 * 1024;
const READ_ROWS = 2_048;

function* partsOf(rows: BatchPlan['checked']): Iterable<BatchPlan['checked']> {
  let [start, bytes] = [0, 0];
  for (const [i, row] of rows.entries()) {
    bytes += row.value.length;
    const isOpen = bytes < READ_BYTES && i + 1 - start < READ_ROWS;
    if (isOpen && i + 1 < rows.length) continue;
    yield rows.slice(start, i + 1);
    [start, bytes] = [i + 1, 0];
  }
}

/** Leaf hashes of the new entries, from the bytes that were read back. */
async function rehashNewLeaves(
  hasher: TreeHasher,
  state: TreeState,
  plan: BatchPlan,
  rows: ReadonlyMap<string, Uint8Array>,
  slices: Slices | undefined,
): Promise<Hash[]> {
  await slices?.rest();
  const hashes: Hash[] = [];
  let index: number = state.size;
  while (index < plan.nextSize) {
    const bundle = Math.floor(index / TILE_WIDTH);
    const whole = rows.get(Buffer.from(bundleKey(bundle)).toString('hex'));
    const stored = whole ?? rows.get(Buffer.from(edgeKey(index)).toString('hex'));
    if (stored === undefined) throw failed(`entry ${index} was not stored`);
    const entries = decodeBundle(stored).slice(whole === undefined ? 0 : index - bundle * TILE_WIDTH);
    for (const entry of entries) {
      hashes.push(hasher.leafHash(entry));
      const turn = slices?.spent(entry.length);
      if (turn !== undefined) await turn;
    }
    index += entries.length;
  }
  plan.leaves.forEach((leaf, i) => {
    const hash = hashes[i];
    if (hash === undefined || !equalBytes(hash, leaf.leafHash))
      throw failed(`entry ${leaf.index} does not hash to its leaf`);
  });
  return hashes;
}

async function checkConsistency(
  hasher: TreeHasher,
  state: TreeState,
  plan: BatchPlan,
  readNodes: NodeReader,
): Promise<void> {
  const newSize = treeSize(plan.nextSize);
  const proofPlan = consistencyPlan(state.size, newSize);
  const proof = assembleProof(hasher, proofPlan, await readNodes(proofPlan.nodes));
  try {
    verifyConsistency(hasher, {
      oldSize: state.size,
      newSize,
      oldRoot: state.rootHash,
      newRoot: plan.rootHash,
      proof,
    });
  } catch (cause) {
    throw failed('the new tree does not extend the old one', cause);
  }
}

function failed(what: string, cause?: unknown): TlogError {
  return new TlogError(
    'self_check_failed',
    `${what}; nothing was signed. Check memory and disk, then start again`,
    { cause },
  );
}
