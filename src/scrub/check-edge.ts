import { equalBytes } from '../core/bytes.ts';
import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import type { TreeHasher } from '../core/merkle/hasher.ts';
import { decodeBundle } from '../core/tile/bundle.ts';
import { edgeNode, edgeRoot } from '../core/tile/edge.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import type { Damage } from '../sequencer/finding.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import type { TreeState } from '../sequencer/tree-state.ts';
import { bundleKey, decodeState, edgeKey, STATE_KEY } from '../store/rows.ts';
import { type CheckDeps, explained } from './check-bundle.ts';

/** The tree in memory against its own head: a bit that flips there must never be signed over. */
export function checkMemory({ hasher }: CheckDeps, log: StoredLog): readonly Damage[] {
  const { head, state } = log.tree();
  const actual = edgeRoot(hasher, state.edge);
  const isRight =
    head.size === state.size && equalBytes(actual, head.rootHash) && equalBytes(actual, state.rootHash);
  if (isRight) return [];
  const both = { expected: formatHex(head.rootHash), actual: formatHex(actual) };
  return [{ message: `the tree in memory does not have the root of its head of size ${head.size}`, ...both }];
}

/** The state row says what is in memory, or the commit that is under way. */
export async function checkState({ rows }: CheckDeps, log: StoredLog): Promise<readonly Damage[]> {
  const before = log.tree().state;
  const row = await rows.read(STATE_KEY);
  if ('damage' in row) return [row.damage];
  const { state } = log.tree();
  try {
    const stored = decodeState(row.value);
    const isPresent =
      stored.size === state.size &&
      equalBytes(stored.rootHash, state.rootHash) &&
      stored.keptEnd === state.keptEnd;
    const isBetween = stored.size >= before.size && stored.size !== state.size;
    if (isPresent || isBetween) return [];
    const both = { expected: formatHex(state.rootHash), actual: formatHex(stored.rootHash) };
    const message = `the state row is of size ${stored.size}, the tree of size ${state.size}`;
    return [{ row: STATE_KEY, message, ...both }];
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return [{ row: STATE_KEY, message: error.message }];
  }
}

/**
 * The entries of the open bundle, from the records of their commits. A bundle that is sealed meanwhile is left to the
 * next pass.
 */
export async function checkEdge(deps: CheckDeps, log: StoredLog): Promise<readonly Damage[]> {
  const { state } = log.tree();
  const found: Damage[] = [];
  for (const [i, start] of state.edgeStarts.entries()) {
    const end = state.edgeStarts[i + 1] ?? state.size;
    const wrong = await wrongRecord(deps, state, start, end);
    const bundle = Math.floor(start / TILE_WIDTH);
    if (Math.floor(log.tree().state.size / TILE_WIDTH) > bundle) return [];
    if (wrong === undefined) continue;
    // The commit under way may have sealed the bundle, and removed the records, before its head is there to see.
    const [sealed] = await deps.rows.readMany([bundleKey(bundle)]);
    if (sealed !== undefined) return [];
    found.push(wrong);
  }
  return found;
}

async function wrongRecord(
  { rows, hasher }: CheckDeps,
  state: TreeState,
  start: number,
  end: number,
): Promise<Damage | undefined> {
  const key = edgeKey(start);
  const row = await rows.read(key);
  if ('value' in row) return wrongEntries(hasher, state, row.value, { start, end });
  const wrong = row.found && wrongEntries(hasher, state, row.found, { start, end });
  return explained(row.damage, wrong?.entry === undefined ? undefined : wrong);
}

/** The first entry of a record that is not what the tree has, or that there are none. */
function wrongEntries(
  hasher: TreeHasher,
  state: TreeState,
  record: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
): Damage | undefined {
  const key = edgeKey(start);
  try {
    for (const [i, entry] of decodeBundle(record, { count: end - start }).entries()) {
      const expected = edgeNode(state.edge, { level: 0, index: start + i });
      const actual = hasher.leafHash(entry);
      if (expected !== undefined && equalBytes(actual, expected)) continue;
      const both = { expected: formatHex(expected ?? new Uint8Array(0)), actual: formatHex(actual) };
      return {
        row: key,
        entry: start + i,
        message: `entry ${start + i} does not match its leaf hash`,
        ...both,
      };
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return { row: key, message: `edge record ${start}: ${error.message}` };
  }
}
