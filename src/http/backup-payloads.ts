import type { Context } from 'hono';
import { formatPayload, formatSeeds, type PayloadCopy } from '../backup/event-copies.ts';
import { parseTreeSize } from '../core/units.ts';
import type { EventSecrets } from '../events/event-files.ts';
import { damageOf } from '../sequencer/finding.ts';
import type { Log } from '../sequencer/log.ts';
import type { StoredLog } from '../sequencer/stored-log.ts';
import { blobKey, eventIndexOf, payloadKey, rawKey } from '../store/event-rows.ts';
import { type BackupSource, soundRow } from './backup.ts';
import { queryOf, required } from './query.ts';

/** Events and bytes after which a page ends; the last event may bring 5 MiB more. */
const PAGE_EVENTS = 4_096;
const PAGE_BYTES = 4 * 1024 * 1024;
/** Events whose rows are in memory at a time: each may have 64 KiB of verbatim bytes. */
const READ_EVENTS = 64;
/** 2 MiB. */
const PAGE_SEEDS = 65_536;

const NO_STORE = { 'Cache-Control': 'no-store' };

/** GET backup/payloads?from&to: what is stored of the events in [from, to), encrypted; `next` is the next page's `from`. */
export async function backupPayloads(c: Context, log: Log, source: BackupSource): Promise<Response> {
  const { from, to } = rangeOf(c, log);
  const secrets = await source.secrets(log.name);
  const payloads: object[] = [];
  if (secrets === undefined) return c.json({ payloads }, 200, NO_STORE);
  const stored = await source.stored(log.name);
  let bytes = 0;
  for await (const copy of payloadsOf(stored, secrets, { from, to })) {
    payloads.push(formatPayload(copy));
    bytes += copy.payload.length + (copy.raw ?? copy.file ?? []).length;
    const next = copy.index + 1;
    if (next < to && (payloads.length === PAGE_EVENTS || bytes >= PAGE_BYTES))
      return c.json({ payloads, next }, 200, NO_STORE);
  }
  return c.json({ payloads }, 200, NO_STORE);
}

/** GET backup/seeds?from&to: the secrets that open the events in [from, to); `next` is the next page's `from`. */
export async function backupSeeds(c: Context, log: Log, source: BackupSource): Promise<Response> {
  const { from, to } = rangeOf(c, log);
  const secrets = await source.secrets(log.name);
  const end = Math.min(to, from + PAGE_SEEDS);
  const runs = secrets === undefined ? [] : await secrets.seeds(from, end);
  const more = end < to ? { next: end } : {};
  return c.json({ seeds: runs.map(formatSeeds), ...more }, 200, NO_STORE);
}

/** Of events that are signed for: of others neither seed nor payload is sure to stay. */
function rangeOf(c: Context, { head }: Log): { from: number; to: number } {
  const query = queryOf(c, ['from', 'to']);
  const [from, to] = [parseTreeSize(required(query, 'from')), parseTreeSize(required(query, 'to'))];
  return { from, to: Math.max(from, Math.min(to, head.size)) };
}

async function* payloadsOf(
  log: StoredLog,
  secrets: EventSecrets,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<PayloadCopy> {
  for (let at = from; at < to; ) {
    const found: { index: number; payload: Uint8Array }[] = [];
    const range = { start: payloadKey(at), end: payloadKey(to), limit: READ_EVENTS };
    for await (const [key, sealed] of log.stored.iterate(range))
      found.push({ index: eventIndexOf(key), payload: soundRow(log, key, sealed, (value) => value.slice()) });
    const keys = found.flatMap(({ index }) => [rawKey(index), blobKey(index)]);
    const rows = await log.stored.getMany(keys, { inPool: true });
    for (const [i, copy] of found.entries())
      yield await withRaw(log, secrets, copy, rows.slice(2 * i, 2 * i + 2));
    at = found.length < READ_EVENTS ? to : (found.at(-1)?.index ?? to) + 1;
  }
}

async function withRaw(
  log: StoredLog,
  secrets: EventSecrets,
  copy: PayloadCopy,
  [raw, name]: readonly (Uint8Array | undefined)[],
): Promise<PayloadCopy> {
  if (name !== undefined) {
    const key = blobKey(copy.index);
    return {
      ...copy,
      file: await fileOf(
        log,
        secrets,
        key,
        soundRow(log, key, name, (value) => value.slice()),
      ),
    };
  }
  if (raw === undefined) return copy;
  return { ...copy, raw: soundRow(log, rawKey(copy.index), raw, (value) => value.slice()) };
}

async function fileOf(
  log: StoredLog,
  secrets: EventSecrets,
  row: Uint8Array,
  name: Uint8Array,
): Promise<Uint8Array> {
  try {
    return await secrets.blob(name);
  } catch (error) {
    // A disk that does not answer has damaged nothing.
    const damage = damageOf(error);
    if (damage !== undefined) log.report({ row, ...damage });
    throw error;
  }
}
