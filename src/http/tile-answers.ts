import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context } from 'hono';
import { LRUCache } from 'lru-cache';
import { parseBundlePath, parseTilePath } from '../core/tile/path.ts';
import { TILE_WIDTH } from '../core/tile/tile.ts';
import type { Now } from '../runtime/now.ts';
import type { Log } from '../sequencer/log.ts';
import { acceptsGzip, beyond, hasTag, OCTETS, tagOf } from './answer.ts';
import { rawPath } from './raw-path.ts';

/** Memory for answers that are ready to be sent. */
const READY_BYTES_MAX: number = 32 * 1024 * 1024;
/** A row is so much longer than the bundle in it: not worth a copy. */
const SPARE_BYTES = 64;
/** Bundles that were asked for last, by path: one that is asked for again meanwhile is kept ready. */
const ASKED_MAX = 256;
const IMMUTABLE = 'public, max-age=31536000, immutable';
const gzipBytes: (bytes: Uint8Array) => Promise<Uint8Array> = promisify(gzip);

/** The bytes and headers of a tile or bundle. It never changes, so neither does its answer. */
interface Ready {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * GET tile/…: a tile or an entry bundle, immutable. Full ones are kept ready, the most recently read first. A bundle is from the
 * second time on: to keep each of those that are read once, in a large log, makes them old before they are garbage, which only
 * a collection of the whole heap takes away.
 */
export function createTileAnswers(): (c: Context, log: Log) => Now<Response> {
  const ready = new LRUCache<string, Ready>({
    maxSize: READY_BYTES_MAX,
    sizeCalculation: ({ bytes }, key) => bytes.length + key.length,
  });
  const asked = new LRUCache<string, true>({ max: ASKED_MAX });
  const isKept = (key: string, { isBundle, isGzip }: Omit<ReadyForm, 'etag'>): boolean => {
    if (!isBundle || isGzip || asked.has(key)) return true;
    asked.set(key, true);
    return false;
  };
  const prepare = async (c: Context, log: Log, key: string, isGzip: boolean): Promise<Response> => {
    const path = rawPath(c).slice(`/logs/${log.name}/`.length);
    const bundle = path.startsWith('tile/entries/') ? parseBundlePath(path) : undefined;
    const tile = bundle ?? parseTilePath(path);
    const bytes = await (bundle === undefined ? log.readTile(parseTilePath(path)) : log.readBundle(bundle));
    if (bytes === undefined) throw beyond(log);
    const etag = tagOf(Buffer.from(`${log.vkeys[0]} ${path}`), isGzip ? '.gz' : '');
    const form = { isBundle: bundle !== undefined, isGzip };
    const made = await makeReady(bytes, { etag, ...form });
    if (tile.width === TILE_WIDTH && isKept(key, form)) ready.set(key, made);
    return answer(c, made);
  };
  return (c, log) => {
    const path = rawPath(c);
    const isGzip = path.includes('/tile/entries/') && acceptsGzip(c);
    const key = isGzip ? `${path} gzip` : path;
    // What was made ready may have been read from rows that turned out to be damaged.
    const known = log.findings.length === 0 ? ready.get(key) : undefined;
    return known === undefined ? prepare(c, log, key, isGzip) : answer(c, known);
  };
}

interface ReadyForm {
  /**
   * Of the log and the path, which name the bytes for ever; hashing 77 KiB would cost as much as reading them. Two encodings
   * are two representations: each has a tag of its own (RFC 9110 8.8.3).
   */
  readonly etag: string;
  readonly isBundle: boolean;
  readonly isGzip: boolean;
}

async function makeReady(bytes: Uint8Array, { etag, isBundle, isGzip }: ReadyForm): Promise<Ready> {
  const headers = {
    ...OCTETS,
    ETag: etag,
    'Cache-Control': IMMUTABLE,
    ...(isBundle ? { Vary: 'Accept-Encoding' } : {}),
    ...(isGzip ? { 'Content-Encoding': 'gzip' } : {}),
  };
  return { bytes: owned(isGzip ? await gzipBytes(bytes) : bytes), etag, headers };
}

/** A copy where it is needed: what is kept ready must not keep more memory alive than its own. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength - length <= SPARE_BYTES;
  return isWhole ? new Uint8Array(buffer, byteOffset, length) : new Uint8Array(bytes);
}

function answer(c: Context, { bytes, etag, headers }: Ready): Response {
  return hasTag(c, etag) ? new Response(null, { status: 304, headers }) : new Response(bytes, { headers });
}
