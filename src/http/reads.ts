import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { type LeafIndex, leafIndex, parseLeafIndex, parseTreeSize, type TreeSize } from '../core/units.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Log } from '../sequencer/log.ts';
import { base64, beyond, OCTETS } from './answer.ts';
import { PageBundles } from './page-bundles.ts';
import { queryOf, required } from './query.ts';

/** Most entries or checkpoints in one answer. */
export const PAGE_MAX = 1_000;
/** Entries, and about how many bytes of them, that are made text and sent in one turn of the event loop. */
const PART_ENTRIES = 64;
const PART_BYTES = 1024 * 1024;

/** GET entries/{index}: the entry's bytes. */
export async function oneEntry(c: Context, log: Log): Promise<Response> {
  const index = parseLeafIndex(c.req.param('index') ?? '');
  if (index >= log.head.size) throw beyond(log);
  const [entry] = await log.readEntries(index, (index + 1) as TreeSize);
  if (entry === undefined) throw new RangeError(`no entry ${index}`);
  const headers = { ...OCTETS, 'Content-Disposition': 'attachment' };
  return new Response(new Uint8Array(entry), { headers });
}

/** GET entries?start&end: the entries of [start, end) as lines {"index","entry"}. */
export function createEntryPages({
  bundles = new PageBundles(),
  onBug,
}: Partial<PageDeps> = {}): (c: Context, log: Log) => Promise<Response> {
  return (c, log) => entryPage(c, log, { bundles, onBug });
}

interface PageDeps {
  readonly bundles: PageBundles;
  /** Told why a page of which the status is sent could not be finished. */
  readonly onBug: ((thrown: unknown) => void) | undefined;
}

async function entryPage(c: Context, log: Log, { bundles, onBug }: PageDeps): Promise<Response> {
  const query = queryOf(c, ['start', 'end']);
  const start = parseLeafIndex(required(query, 'start'));
  const end = parseTreeSize(required(query, 'end'));
  if (start >= end || end - start > PAGE_MAX)
    throw new TlogError('invalid_parameter', `end must be 1 to ${PAGE_MAX} above start`);
  if (end > log.head.size) throw beyond(log);
  // The first lines are read before the status is sent, so that a refusal can still be one.
  const parts = pageParts(log, start, end, bundles);
  const first = await parts.next();
  const rest = (): Promise<IteratorResult<Uint8Array>> =>
    parts.next().catch((error: unknown) => {
      onBug?.(error);
      return cutConnection(c, error);
    });
  const body = pageBody(first.value ?? new Uint8Array(0), rest);
  return new Response(body, { headers: { 'Content-Type': 'application/x-ndjson' } });
}

function pageBody(
  first: Uint8Array,
  rest: () => Promise<IteratorResult<Uint8Array>>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(first),
      pull: async (controller) => {
        const next = await rest();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
    },
    // No part is made ahead: nobody would count it beside what the connections of slow clients hold.
    { highWaterMark: 0 },
  );
}

/**
 * The status is sent: only a broken connection can still tell the client that the page is not whole. What writes the answer then finds it
 * at its end: an error it would print. @throws that error where there is no connection
 */
function cutConnection(c: Context, error: unknown): IteratorReturnResult<undefined> {
  const outgoing: { destroy(): void } | undefined = c.env?.outgoing;
  if (outgoing === undefined) throw error;
  outgoing.destroy();
  return { done: true, value: undefined };
}

async function* pageParts(
  log: Log,
  start: LeafIndex,
  end: TreeSize,
  bundles: PageBundles,
): AsyncGenerator<Uint8Array, undefined> {
  for (let from: number = start; from < end; ) {
    // A client that reads as fast as we write would get all of a page, 64 MiB at most, in one turn of the event loop.
    if (from > start) await systemClock.nextTurn();
    const to = Math.min(end, from + PART_ENTRIES) as TreeSize;
    const { lines, count } = await pagePart(log, leafIndex(from), to, bundles);
    from += count;
    yield lines;
  }
}

/** By itself: while a page waits for its client nothing of it may hold entries, each of which holds its whole bundle. */
async function pagePart(
  log: Log,
  from: LeafIndex,
  to: TreeSize,
  bundles: PageBundles,
): Promise<{ lines: Uint8Array; count: number }> {
  const entries = await log.readEntries(from, to, { bytes: PART_BYTES, bundles: bundles.of(log) });
  const lines = entries.map((entry, i) => `{"index":${from + i},"entry":"${base64(entry)}"}\n`);
  // Nothing but ASCII, for which latin1 is the shortest way to bytes.
  return { lines: Buffer.from(lines.join(''), 'latin1'), count: entries.length };
}

/** GET checkpoints?from: the signed heads that were kept, ascending; `nextCursor` is the next page's `from`. */
export async function checkpoints(c: Context, log: Log): Promise<Response> {
  const { size: treeSize } = log.head;
  const from = parseTreeSize(queryOf(c, ['from']).get('from') ?? '0');
  const heads = await log.keptHeads(from, PAGE_MAX);
  const list = heads.map((head) => ({
    treeSize: head.size,
    rootHash: base64(head.rootHash),
    checkpoint: head.note,
  }));
  const last = heads.at(-1);
  const isMore = heads.length === PAGE_MAX && last !== undefined && last.size < treeSize;
  const next = isMore ? { nextCursor: `${last.size + 1}` } : {};
  return c.json({ checkpoints: list, ...next, treeSize });
}
