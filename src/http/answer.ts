import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { parseTreeSize, type TreeSize } from '../core/units.ts';
import type { Log, SignedHead } from '../sequencer/log.ts';
import { headerOf } from './headers.ts';

/** Standard base64, as all bytes in JSON are. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Each of the byte strings as base64. */
export function base64All(list: readonly Uint8Array[]): string[] {
  return list.map(base64);
}

/** Text that may be another one at the next request, such as a proof for the present head. */
export function textAnswer(
  body: string,
  { status = 200, vary }: { status?: number; vary?: string } = {},
): Response {
  const type = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache' };
  return new Response(body, { status, headers: vary === undefined ? type : { ...type, Vary: vary } });
}

/** Headers of bytes that no browser is to take for anything else. */
export const OCTETS = {
  'Content-Type': 'application/octet-stream',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** GET checkpoint: the published head's note; 304 for who has it already. */
export function checkpoint(c: Context, { publishedHead }: Log): Response {
  const etag = noteTag(publishedHead);
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache', ETag: etag };
  return hasTag(c, etag)
    ? new Response(null, { status: 304, headers: { ETag: etag, 'Cache-Control': 'no-cache' } })
    : new Response(publishedHead.note, { headers });
}

const noteTags = new WeakMap<SignedHead, string>();

/** The tag of a head's note, made once for all readers of the head. */
function noteTag(head: SignedHead): string {
  const known = noteTags.get(head);
  if (known !== undefined) return known;
  const made = tagOf(Buffer.from(head.note));
  noteTags.set(head, made);
  return made;
}

/** The entity tag of bytes (RFC 9110 8.8.3); `variant` tells apart what is encoded otherwise. */
export function tagOf(bytes: Uint8Array, variant = ''): string {
  return `"${createHash('sha256').update(bytes).digest('base64url')}${variant}"`;
}

/** Whether If-None-Match names the tag; by weak comparison, as RFC 9110 13.1.2 has it. */
export function hasTag(c: Context, tag: string): boolean {
  const header = headerOf(c, 'if-none-match');
  if (header === undefined) return false;
  return header.split(',').some((item) => item.trim() === '*' || item.trim().replace(/^W\//, '') === tag);
}

/** Lets no shared cache keep an answer that only the holder of a token may have. */
export function keepPrivate(answer: Response): Response {
  const cached = answer.headers.get('Cache-Control') ?? 'no-cache';
  const kept = cached.replace(/^public, /, '');
  if (kept !== 'no-store') answer.headers.set('Cache-Control', `private, ${kept}`);
  answer.headers.append('Vary', 'Authorization');
  return answer;
}

/** What to throw for a size, index or tile that the log does not have yet. */
export function beyond(log: Log): TlogError {
  return new TlogError('beyond_log_head', `the log has ${log.head.size} entries`, {
    details: { treeSize: log.head.size },
  });
}

/** The tree size to answer for: the one asked for, else the published one, which brings its checkpoint. */
export interface AskedSize {
  readonly size: TreeSize;
  readonly checkpoint?: string;
}

/** Reads a tree size as text. @throws TlogError malformed_number, beyond_log_head */
export function askedSize(log: Log, asked: string | undefined): AskedSize {
  const { size: published, note } = log.publishedHead;
  const size = asked === undefined ? published : parseTreeSize(asked);
  if (size > log.head.size) throw beyond(log);
  return size === published ? { size, checkpoint: note } : { size };
}

/** Whether the client names this media type in Accept; wildcards do not count, so JSON stays the default. */
export function accepts(c: Context, type: string): boolean {
  return listed(headerOf(c, 'accept'), type);
}

/** Whether the client takes gzip. */
export function acceptsGzip(c: Context): boolean {
  return listed(headerOf(c, 'accept-encoding'), 'gzip');
}

function listed(header: string | undefined, name: string): boolean {
  for (const item of (header ?? '').toLowerCase().split(',')) {
    const [value, ...parameters] = item.split(';').map((part) => part.trim());
    if (value === name) return !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  }
  return false;
}
