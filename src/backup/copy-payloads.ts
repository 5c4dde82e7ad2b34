import { TlogError } from '../core/error.ts';
import { type CopiedPart, formatSegment, type Segment } from './backup-folder.ts';
import type { SegmentCopy } from './copy-segments.ts';
import { formatPayload, formatSeeds, parsePayload, parseSeeds } from './event-copies.ts';

/** 4 MiB of rows and a file of at most 5 MiB, in base64. */
const PAGE_BYTES_MAX = 32 * 1024 * 1024;

/** What is copied in pages by index, each into a file of its own. */
interface Paged {
  readonly name: 'payloads' | 'seeds';
  /** The line of a member, once it is one. */
  readonly lineOf: (json: unknown) => object;
  readonly mode?: number;
}

/** Encrypted payloads and verbatim bytes of the events that `before` does not have. */
export async function copyPayloads(copy: SegmentCopy, before: CopiedPart | undefined): Promise<CopiedPart> {
  return copyPages(copy, before, { name: 'payloads', lineOf: (json) => formatPayload(parsePayload(json)) });
}

/** The seeds of the events that `before` does not have, in files that only their owner reads. */
export async function copySeeds(copy: SegmentCopy, before: CopiedPart | undefined): Promise<CopiedPart> {
  return copyPages(copy, before, {
    name: 'seeds',
    lineOf: (json) => formatSeeds(parseSeeds(json)),
    mode: 0o600,
  });
}

async function copyPages(
  { admin, files, to, signal }: SegmentCopy,
  before: CopiedPart | undefined,
  { name, lineOf, mode }: Paged,
): Promise<CopiedPart> {
  const from = before?.end ?? 0;
  const segments: Segment[] = [];
  for (let at = from; at < to; ) {
    const path = `backup/${name}?from=${at}&to=${to}`;
    const { fields } = await admin.askFields({ path, bytesMax: PAGE_BYTES_MAX, signal });
    const { [name]: members, next = to } = fields as Record<string, unknown>;
    // Pages ascend, or a walk over them could have no end.
    if (!Array.isArray(members) || typeof next !== 'number' || !(next > at && next <= to))
      throw new TlogError('malformed_answer', `the server did not answer with ${name} of events`);
    const { text, segment } = formatSegment(
      `${name}/${from}-${to}-${segments.length}.ndjson`,
      members.map(lineOf),
    );
    if (members.length > 0) {
      await files.write(segment.file, text, mode);
      segments.push(segment);
    }
    at = next;
  }
  return { end: to, files: [...(before?.files ?? []), ...segments] };
}
