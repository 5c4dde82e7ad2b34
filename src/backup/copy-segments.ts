import { HEADS_PAGE_MAX, readHeads } from '../client/answers.ts';
import type { LogCalls } from '../client/log-calls.ts';
import { TlogError } from '../core/error.ts';
import { treeSize } from '../core/units.ts';
import type { DurableFiles } from '../fsck/durable-files.ts';
import type { KeyedRetry } from '../store/rows.ts';
import { formatRetry, formatSegment, parseRetry, type Segment } from './backup-folder.ts';
import { formatEventRow, parseEventRow } from './event-rows.ts';

/** A page of 1,000 notes with some cosignatures each. */
const HEADS_BYTES_MAX = 64 * 1024 * 1024;
const RETRIES_BYTES_MAX = 4 * 1024 * 1024;
/** 4,096 retry keys of 4,096 events each would be more than any server answers. */
const EVENT_ROWS_BYTES_MAX = 64 * 1024 * 1024;
/** Rows of one file: about 12 MiB. */
const SEGMENT_ROWS = 65_536;

/** What was added to a log between two sizes, and where it goes. */
export interface SegmentCopy {
  readonly calls: LogCalls;
  readonly admin: LogCalls;
  readonly files: DurableFiles;
  readonly from: number;
  readonly to: number;
  readonly signal?: AbortSignal;
}

/** Kept heads of sizes [from, to): a head that is smaller than the backup's is never added later. */
export async function copyHeads({ calls, files, from, to, signal }: SegmentCopy): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (let at = from; at < to; ) {
    const path = `checkpoints?from=${at}`;
    const { fields } = await calls.askFields({ path, bytesMax: HEADS_BYTES_MAX, signal });
    const page = readHeads(fields, treeSize(at));
    const heads = page.filter(({ size }) => size < to);
    const end = page.length < HEADS_PAGE_MAX ? to : Math.min(to, Number(page.at(-1)?.size) + 1);
    if (heads.length > 0) {
      const { text, segment } = formatSegment(
        `heads/${at}-${end}.ndjson`,
        heads.map(({ note }) => note),
      );
      await files.write(segment.file, text);
      segments.push(segment);
    }
    at = end;
  }
  return segments;
}

/** Retry keys of the entries [from, to), in files by index, so that their entries are read in order. */
export async function copyRetries(copy: SegmentCopy): Promise<Segment[]> {
  const { from, to } = copy;
  const segments: Segment[] = [];
  if (from === to) return segments;
  let rows: KeyedRetry[] = [];
  const write = async (): Promise<void> => {
    if (rows.length === 0) return;
    rows.sort((a, b) => a.firstIndex - b.firstIndex);
    const file = `retries/${from}-${to}-${segments.length}.ndjson`;
    const { text, segment } = formatSegment(file, rows.map(formatRetry));
    await copy.files.write(file, text);
    segments.push(segment);
    rows = [];
  };
  for await (const page of retryPages(copy)) {
    rows.push(...page);
    if (rows.length >= SEGMENT_ROWS) await write();
  }
  await write();
  return segments;
}

async function* retryPages({ admin, from, to, signal }: SegmentCopy): AsyncGenerator<readonly KeyedRetry[]> {
  for (let after = ''; ; ) {
    const path = `backup/retries?from=${from}&to=${to}${after === '' ? '' : `&after=${after}`}`;
    const { fields } = await admin.askFields({ path, bytesMax: RETRIES_BYTES_MAX, signal });
    const { retries, nextCursor } = fields as { retries?: unknown; nextCursor?: unknown };
    if (!Array.isArray(retries))
      throw new TlogError('malformed_answer', 'the server did not answer with retry keys');
    yield retries.map(parseRetry);
    if (typeof nextCursor !== 'string') return;
    // Cursors ascend, or a walk over the pages could have no end.
    if (!/^[0-9a-f]{64}$/.test(nextCursor) || nextCursor <= after)
      throw new TlogError('malformed_answer', 'the pages of retry keys do not ascend');
    after = nextCursor;
  }
}

/** Ids and retry keys of the events [from, to). */
export async function copyEventRows({ admin, files, from, to, signal }: SegmentCopy): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (let after = ''; from < to; ) {
    const path = `backup/events?from=${from}&to=${to}${after === '' ? '' : `&after=${after}`}`;
    const { fields } = await admin.askFields({ path, bytesMax: EVENT_ROWS_BYTES_MAX, signal });
    const { rows, nextCursor } = fields as { rows?: unknown; nextCursor?: unknown };
    if (!Array.isArray(rows))
      throw new TlogError('malformed_answer', 'the server did not answer with ids of events');
    const known = rows.map(parseEventRow).filter(({ last }) => last < to);
    const { text, segment } = formatSegment(
      `events/${from}-${to}-${segments.length}.ndjson`,
      known.map(formatEventRow),
    );
    if (known.length > 0) await files.write(segment.file, text);
    if (known.length > 0) segments.push(segment);
    if (nextCursor === undefined) break;
    if (typeof nextCursor !== 'string' || nextCursor <= after)
      throw new TlogError('malformed_answer', 'the pages of ids do not ascend');
    after = nextCursor;
  }
  return segments;
}
