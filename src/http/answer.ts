import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { parseTreeSize, type TreeSize } from '../core/units.ts';
import type { Log } from '../sequencer/log.ts';

/** Standard base64, as all bytes in JSON are. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** Each of the byte strings as base64. */
export function base64All(list: readonly Uint8Array[]): string[] {
  return list.map(base64);
}

/** Text that may be another one at the next request, such as a checkpoint. */
export function textAnswer(body: string): Response {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache' };
  return new Response(body, { headers });
}

/** JSON that has been made already. */
export function jsonAnswer(body: string, status: number): Response {
  return new Response(body, { status, headers: { 'Content-Type': 'application/json' } });
}

/** Bytes that no browser is to take for anything else. */
export function octetAnswer(bytes: Uint8Array, headers: Record<string, string>): Response {
  const type = { 'Content-Type': 'application/octet-stream', 'X-Content-Type-Options': 'nosniff' };
  return new Response(new Uint8Array(bytes), { headers: { ...type, ...headers } });
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

/** A query parameter that has to be there. @throws TlogError invalid_parameter */
export function requiredQuery(c: Context, name: string): string {
  const value = c.req.query(name);
  if (value === undefined) throw new TlogError('invalid_parameter', `${name} is missing`);
  return value;
}

/** Whether the client names this media type in Accept; wildcards do not count, so JSON stays the default. */
export function accepts(c: Context, type: string): boolean {
  return listed(c.req.header('accept'), type);
}

/** Whether the client takes gzip. */
export function acceptsGzip(c: Context): boolean {
  return listed(c.req.header('accept-encoding'), 'gzip');
}

function listed(header: string | undefined, name: string): boolean {
  for (const item of (header ?? '').toLowerCase().split(',')) {
    const [value, ...parameters] = item.split(';').map((part) => part.trim());
    if (value === name) return !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  }
  return false;
}
