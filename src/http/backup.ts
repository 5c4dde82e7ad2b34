import type { Context } from 'hono';
import { formatRetry } from '../backup/backup-folder.ts';
import { formatEventRow, lastLeaf } from '../backup/event-rows.ts';
import { TlogError } from '../core/error.ts';
import { parseTreeSize } from '../core/units.ts';
import type { EventSecrets } from '../events/event-files.ts';
import { damageOf } from '../sequencer/finding.ts';
import type { Log } from '../sequencer/log.ts';
import type { LogManifest } from '../sequencer/manifest.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { unsealValue } from '../store/checked-store.ts';
import { decodeRetry, type KeyedRetry, LETTER, retryKey, rowsAfter } from '../store/rows.ts';
import { base64 } from './answer.ts';
import { queryOf, required } from './query.ts';

/** What a backup needs beside what everybody may read. */
export interface BackupSource {
  manifest(log: string): Promise<LogManifest>;
  /** The config file in the data directory; undefined where there is none. */
  config(): Promise<string | undefined>;
  /** The files of a log of events beside its database; undefined of other logs. */
  secrets(log: string): Promise<EventSecrets | undefined>;
  /** An open log by its rows. */
  stored(log: string): Promise<StoredLog>;
}

/** Rows that one answer has at most, and that are looked at for it. */
const PAGE_ROWS = 4_096;
const SCAN_ROWS = 65_536;

/** GET backup: the facts of the log, the config file, and the head to copy. */
export async function backupFacts(c: Context, log: Log, source: BackupSource): Promise<Response> {
  // The log head: what was answered is in a backup, whether witnesses have seen it yet or not.
  const { size: treeSize, rootHash, note: checkpoint } = log.head;
  const config = await source.config();
  const head = { treeSize, rootHash: base64(rootHash), checkpoint };
  const secret = await (await source.secrets(log.name))?.idSecret();
  const body = {
    manifest: await source.manifest(log.name),
    ...(config === undefined ? {} : { config }),
    ...(secret === undefined ? {} : { idSecret: Buffer.from(secret).toString('hex') }),
    ...head,
  };
  return c.json(body, 200, { 'Cache-Control': 'no-store' });
}

/** GET backup/retries?from&to&after: retry keys of entries in [from, to), by key; nextCursor is the next page's `after`. */
export async function backupRetries(c: Context, log: Log, source: BackupSource): Promise<Response> {
  const query = queryOf(c, ['from', 'to', 'after']);
  const [from, to] = [parseTreeSize(required(query, 'from')), parseTreeSize(required(query, 'to'))];
  const after = query.get('after');
  if (after !== undefined && !/^[0-9a-f]{64}$/.test(after))
    throw new TlogError('malformed_hex', 'after is 64 lower-case hex digits');
  const stored = await source.stored(log.name);
  const page = await pageOf(
    stored,
    after === undefined ? undefined : retryKey(Buffer.from(after, 'hex')),
    (row) => row.firstIndex >= from && row.firstIndex + row.count <= to,
  );
  const retries = page.retries.map(formatRetry);
  const next = page.next === undefined ? {} : { nextCursor: Buffer.from(page.next).toString('hex') };
  return c.json({ retries, ...next }, 200, { 'Cache-Control': 'no-store' });
}

/** GET backup/events?from&to&after: ids and retry keys of the events in [from, to), by key; nextCursor is the next page's `after`. */
export async function backupEvents(c: Context, log: Log, source: BackupSource): Promise<Response> {
  const query = queryOf(c, ['from', 'to', 'after']);
  const [from, to] = [parseTreeSize(required(query, 'from')), parseTreeSize(required(query, 'to'))];
  const after = query.get('after') ?? Buffer.of(LETTER.eventId).toString('hex');
  if (!/^(?:69|6a)(?:[0-9a-f]{64})?$/.test(after))
    throw new TlogError('malformed_hex', 'after is what nextCursor was');
  const stored = await source.stored(log.name);
  const start = Uint8Array.from([...Buffer.from(after, 'hex'), 0]);
  const range = { start, end: Uint8Array.of(LETTER.eventRetry + 1), limit: SCAN_ROWS };
  const rows: object[] = [];
  let [scanned, next] = [0, undefined as string | undefined];
  for await (const [key, sealed] of stored.stored.iterate(range)) {
    scanned += 1;
    const { value, last } = soundRow(stored, key, sealed, (bytes) => ({
      value: bytes,
      last: lastLeaf(key, bytes),
    }));
    if (last >= from && last < to) rows.push(formatEventRow({ key, value }));
    if (rows.length === PAGE_ROWS || scanned === SCAN_ROWS) next = Buffer.from(key).toString('hex');
    if (next !== undefined) break;
  }
  const more = next === undefined ? {} : { nextCursor: next };
  return c.json({ rows, ...more }, 200, { 'Cache-Control': 'no-store' });
}

async function pageOf(
  log: StoredLog,
  after: Uint8Array | undefined,
  isWanted: (row: KeyedRetry) => boolean,
): Promise<{ readonly retries: readonly KeyedRetry[]; readonly next: Uint8Array | undefined }> {
  const retries: KeyedRetry[] = [];
  let scanned = 0;
  for await (const [rowKey, sealed] of log.stored.iterate({
    ...rowsAfter(LETTER.retry, after),
    limit: SCAN_ROWS,
  })) {
    const key = rowKey.slice(1);
    const row = { ...soundRow(log, rowKey, sealed, decodeRetry), key };
    scanned += 1;
    if (isWanted(row)) retries.push(row);
    if (retries.length === PAGE_ROWS || scanned === SCAN_ROWS) return { retries, next: key };
  }
  return { retries, next: undefined };
}

/** A damaged row must not be left out without a word: the copy would lack what the log has. */
export function soundRow<T>(
  log: StoredLog,
  key: Uint8Array,
  sealed: Uint8Array,
  decode: (value: Uint8Array) => T,
): T {
  try {
    return decode(unsealValue(key, sealed));
  } catch (error) {
    const damage = damageOf(error);
    if (damage !== undefined) log.report({ ...damage, row: key });
    throw error;
  }
}
