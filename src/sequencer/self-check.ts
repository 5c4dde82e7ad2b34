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
import { bundleKey, edgeKey, LETTER } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { BatchPlan } from './plan-batch.ts';
import type { TreeState } from './tree-state.ts';

/**
 * Reads back what a commit wrote and proves it to itself before anything is signed: the rows are the ones
 * planned, the leaf hashes follow from the stored bytes, the root comes out the same by other code, and the
 * client's verifier accepts the growth. Waits for `between` after the first half of the work. Gives the frontier of the new tree.
 * @throws TlogError self_check_failed, storage_corrupt: the process ends
 */
export async function checkCommit(
  hasher: TreeHasher,
  store: Store,
  state: TreeState,
  plan: BatchPlan,
  readNodes: NodeReader,
  between: () => Promise<void> = async () => undefined,
): Promise<Frontier> {
  const rows = await readBack(store, plan);
  await between();
  const leafHashes = rehashNewLeaves(hasher, state, plan, rows);
  const frontier = appendLeaves(hasher, state.frontier, leafHashes);
  if (!equalBytes(frontierRoot(hasher, frontier), plan.rootHash))
    throw failed('the root by tiles and by frontier differ');
  await checkConsistency(hasher, state, plan, readNodes);
  return frontier;
}

/** Those of them that hold entries, by the hex of their keys. */
async function readBack(store: Store, plan: BatchPlan): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = await store.getMany(plan.checked.map((row) => row.key));
  const rows = new Map<string, Uint8Array>();
  plan.checked.forEach((row, i) => {
    const stored = found[i];
    if (stored === undefined || Buffer.compare(stored, row.value) !== 0) {
      throw failed(`row ${Buffer.from(row.key).toString('hex')} was not stored as written`);
    }
    const letter = row.key[0];
    if (letter === LETTER.bundle || letter === LETTER.edge)
      rows.set(Buffer.from(row.key).toString('hex'), stored);
  });
  return rows;
}

/** Leaf hashes of the new entries, from the bytes that were read back. */
function rehashNewLeaves(
  hasher: TreeHasher,
  state: TreeState,
  plan: BatchPlan,
  rows: ReadonlyMap<string, Uint8Array>,
): Hash[] {
  const hashes: Hash[] = [];
  let index: number = state.size;
  while (index < plan.nextSize) {
    const bundle = Math.floor(index / TILE_WIDTH);
    const whole = rows.get(Buffer.from(bundleKey(bundle)).toString('hex'));
    const stored = whole ?? rows.get(Buffer.from(edgeKey(index)).toString('hex'));
    if (stored === undefined) throw failed(`entry ${index} was not stored`);
    const entries = decodeBundle(stored).slice(whole === undefined ? 0 : index - bundle * TILE_WIDTH);
    for (const entry of entries) hashes.push(hasher.leafHash(entry));
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
