import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';

/** Every path of the interface is made of such segments; none starts with a dot, none holds an escape. Ids of events are apart. */
const PLAIN = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\/?$/;

/** An id may have more signs, and begin with a dot; the two segments that mean a folder are no ids. */
const OF_EVENT = /^\/logs\/[a-z0-9-]+\/events\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@-]+(?:\/raw)?$/;

/**
 * The request's path as it came. `new URL()` resolves `..` and `%2e%2e`, so that two spellings would reach one
 * resource and who filters paths in front of us would see another one than we do.
 */
export function rawPath(c: Context): string {
  const incoming: { url?: string } | undefined = c.env?.incoming;
  const target = incoming?.url ?? new URL(c.req.url).pathname;
  const path = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  const end = path.indexOf('?');
  return (end < 0 ? path : path.slice(0, end)) || '/';
}

/** Refuses every spelling of a path but the plain one. @throws TlogError malformed_tile_path, invalid_request */
export function checkPlainPath(path: string): void {
  if (PLAIN.test(path) || OF_EVENT.test(path)) return;
  const code = path.includes('/tile/') ? 'malformed_tile_path' : 'invalid_request';
  throw new TlogError(code, 'a path has letters, digits, "-", "_" and dots inside; it is never escaped');
}
