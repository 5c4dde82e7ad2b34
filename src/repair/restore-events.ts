import type { BackupLog, LogBackup } from '../backup/backup-folder.ts';
import type { PayloadCopy } from '../backup/event-copies.ts';
import { TlogError } from '../core/error.ts';
import { BlobFolder } from '../events/blobs.ts';
import { createEventFiles, eventPaths } from '../events/event-files.ts';
import { systemRandom } from '../runtime/random.ts';
import { CheckedStore } from '../store/checked-store.ts';
import { BLOB_NAME_BYTES, blobKey, payloadKey, rawKey } from '../store/event-rows.ts';
import type { Store, StoreBatch } from '../store/store.ts';
import { commitOrFail } from './repair-rows.ts';

type Put = StoreBatch['puts'][number];

/** Rows and bytes of one write. */
const ROWS_AT_A_TIME = 4_096;
const BYTES_AT_A_TIME = 4 * 1024 * 1024;

/** A log of events that is being restored. */
export interface RestoreEvents {
  readonly source: BackupLog;
  readonly facts: LogBackup;
  /** Folder of the log that is made. */
  readonly root: string;
  readonly engine: Store;
  readonly size: number;
}

/**
 * Ids and retry keys, since a retry of an event that cannot be read must not be added again; payloads, and verbatim bytes
 * in their files before the rows that name them. @throws TlogError data_damaged for what is beyond the tree, malformed_answer
 */
export async function restoreEventRows(job: RestoreEvents): Promise<void> {
  const store = new CheckedStore(job.engine);
  let puts: Put[] = [];
  let bytes = 0;
  const write = async (): Promise<void> => {
    if (puts.length > 0) await commitOrFail(store, { puts, deletes: [] });
    [puts, bytes] = [[], 0];
  };
  for await (const rows of rowsOf(job)) {
    puts.push(...rows);
    bytes += rows.reduce((sum, { value }) => sum + value.length, 0);
    if (puts.length >= ROWS_AT_A_TIME || bytes >= BYTES_AT_A_TIME) await write();
  }
  await write();
}

async function* rowsOf({ source, facts, root, size }: RestoreEvents): AsyncGenerator<readonly Put[]> {
  for await (const { key, value, last } of source.eventRows(facts)) {
    if (last >= size) throw beyond(source);
    yield [{ key, value }];
  }
  const blobs = new BlobFolder(eventPaths(root).raw);
  for await (const copy of source.payloads(facts)) {
    if (copy.index >= size) throw beyond(source);
    yield await payloadRows(blobs, copy);
  }
}

async function payloadRows(
  blobs: BlobFolder,
  { index, payload, raw, file }: PayloadCopy,
): Promise<readonly Put[]> {
  const rows = [{ key: payloadKey(index), value: payload }];
  if (raw !== undefined) rows.push({ key: rawKey(index), value: raw });
  if (file !== undefined) {
    const name = systemRandom(BLOB_NAME_BYTES);
    await blobs.write(name, file);
    rows.push({ key: blobKey(index), value: name });
  }
  return rows;
}

function beyond({ path }: BackupLog): TlogError {
  return new TlogError('data_damaged', `${path} names events beyond its head`);
}

/**
 * The secret that ids are looked up with, and the seeds that the backup has; new ones are made from its tree size on.
 * @returns how many events cannot be read: their seeds are not in the backup @throws TlogError data_damaged, malformed_answer
 */
export async function restoreSecrets({ source, facts, root, size }: RestoreEvents): Promise<number> {
  const { idSecret } = facts;
  // With another one no id would be known any more, and each retry would be added again.
  if (idSecret === undefined)
    throw new TlogError('malformed_answer', `${source.path} lacks the secret that ids are looked up with`);
  const secret = Buffer.from(idSecret, 'hex');
  const gaps = await createEventFiles(root, { gapEnd: size, secret, runs: source.seeds(facts) });
  return gaps.reduce((sum, { start, end }) => sum + end - start, 0);
}
