import { equalBytes } from '../core/bytes.ts';
import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import { verifyCheckpoint } from '../core/note/checkpoint.ts';
import { createNoteVerifier } from '../core/note/verifier.ts';
import type { TreeSize } from '../core/units.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { contentHash } from '../sequencer/content-hash.ts';
import type { Damage } from '../sequencer/finding.ts';
import { COMMIT_ENTRIES_MAX } from '../sequencer/pending-queue.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { decodeIndexes } from '../store/event-rows.ts';
import { rowName, rowPlace } from '../store/row-place.ts';
import { decodeIndex, decodeKept, decodeRetry, type RetryRow } from '../store/rows.ts';
import type { CheckDeps } from './check-bundle.ts';
import type { PageRow } from './row-reader.ts';
import { entriesOf } from './tree-entries.ts';
import { rootOf } from './tree-root.ts';

/**
 * Rows of the leaf-hash index, also of leaves that are not there: each must name a leaf that there can be. A commit
 * under way may have written beyond the tree that readers see.
 */
export function checkIndexPage(log: StoredLog, page: readonly PageRow[]): readonly Damage[] {
  const end = log.tree().state.size + COMMIT_ENTRIES_MAX;
  return page.flatMap((row) => {
    if ('damage' in row) return [row.damage];
    const isRight = row.value.length === 8 && decodeIndex(row.value) < end;
    return isRight ? [] : [{ row: row.key, message: `${rowName(row.key)} names a leaf that is not there` }];
  });
}

/**
 * Retry keys: each must lie in the tree. Of the first of a page the content is hashed again, too: for all of them that
 * would read every bundle once for each of its entries.
 */
export async function checkRetryPage(
  deps: CheckDeps,
  log: StoredLog,
  page: readonly PageRow[],
): Promise<readonly Damage[]> {
  const end = log.tree().state.size + COMMIT_ENTRIES_MAX;
  const found: Damage[] = [];
  for (const [i, row] of page.entries()) {
    const wrong = 'damage' in row ? row.damage : wrongRange(row.key, row.value, end);
    if (wrong !== undefined) found.push(wrong);
    else if (i === 0 && 'value' in row) {
      const content = await wrongContent(deps, log, row.key, decodeRetry(row.value));
      if (content !== undefined) found.push(content);
    }
  }
  return found;
}

/** Keys of requests with events: each index must be that of a leaf that there can be. */
export function checkEventRetryPage(log: StoredLog, page: readonly PageRow[]): readonly Damage[] {
  const end = log.tree().state.size + COMMIT_ENTRIES_MAX;
  return page.flatMap((row) => {
    const wrong = 'damage' in row ? row.damage : wrongIndexes(row.key, row.value, end);
    return wrong === undefined ? [] : [wrong];
  });
}

function wrongIndexes(key: Uint8Array, value: Uint8Array, end: number): Damage | undefined {
  try {
    if (decodeIndexes(value).every((index) => index < end)) return undefined;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
  }
  return { row: key, message: `${rowName(key)} names events that are not there` };
}

function wrongRange(key: Uint8Array, value: Uint8Array, end: number): Damage | undefined {
  try {
    const { firstIndex, count } = decodeRetry(value);
    if (count > 0 && firstIndex + count <= end) return undefined;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
  }
  return { row: key, message: `${rowName(key)} names entries that are not there` };
}

async function wrongContent(
  deps: CheckDeps,
  log: StoredLog,
  key: Uint8Array,
  retry: RetryRow,
): Promise<Damage | undefined> {
  const entries = await entriesOf(deps, log, retry.firstIndex, retry.firstIndex + retry.count);
  if (entries === undefined) return undefined;
  const expected = contentHash(entries);
  if (equalBytes(expected, retry.contentHash)) return undefined;
  const both = { expected: formatHex(expected), actual: formatHex(retry.contentHash) };
  return { row: key, message: `${rowName(key)} is of other entries than those it names`, ...both };
}

/** Kept heads: signed by the log, of the size in their key, and of the root that the tree had at that size. */
export async function checkHeadPage(
  deps: CheckDeps,
  log: StoredLog,
  page: readonly PageRow[],
): Promise<readonly Damage[]> {
  const logVerifiers = log.vkeys.map((vkey) => createNoteVerifier(vkey, ed25519Verify));
  const found: Damage[] = [];
  for (const row of page) {
    if ('damage' in row) {
      found.push(row.damage);
      continue;
    }
    const wrong = await wrongHead(deps, log, row.key, () =>
      verifyCheckpoint(decodeKept(row.value).note, { origin: log.origin, logVerifiers }),
    );
    if (wrong !== undefined) found.push(wrong);
    await deps.slices.spent(row.value.length);
  }
  return found;
}

async function wrongHead(
  deps: CheckDeps,
  log: StoredLog,
  key: Uint8Array,
  verify: () => Promise<{ readonly size: TreeSize; readonly rootHash: Uint8Array }>,
): Promise<Damage | undefined> {
  const name = rowName(key);
  try {
    const { size, rootHash } = await verify();
    if (size !== rowPlace(key).index || size > log.tree().state.size)
      return { row: key, message: `${name} is of another size` };
    const root = await rootOf(deps.hasher, deps.tiles, size);
    if (root === undefined || equalBytes(root, rootHash)) return undefined;
    const both = { expected: formatHex(root), actual: formatHex(rootHash) };
    return { row: key, message: `${name} has another root hash than the tree`, ...both };
  } catch (error) {
    if (error instanceof TlogError) return { row: key, message: `${name}: ${error.message}` };
    throw error;
  }
}
