import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';
import { contentHash } from '../sequencer/content-hash.ts';
import type { AppendRequest } from '../sequencer/log.ts';
import { headerOf } from './headers.ts';

/** What makes a retry known: the key as sent, which belongs to the token that sent it, and a digest of what came with it. */
export function idempotencyOf(
  tokenId: string,
  key: string,
  entries: readonly Uint8Array[],
): NonNullable<AppendRequest['idempotency']> {
  return { key: hashOf(tokenId, key), contentHash: contentHash(entries) };
}

/** The key of a request that is to be known again; undefined where it names none. @throws TlogError invalid_idempotency_key */
export function idempotencyKeyOf(c: Context): string | undefined {
  return checkedKey(headerOf(c, 'idempotency-key'));
}

/** The same of the header as it was sent. @throws TlogError invalid_idempotency_key */
export function checkedKey(key: string | undefined): string | undefined {
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new TlogError('invalid_idempotency_key', 'Idempotency-Key is 1 to 255 visible ASCII characters');
}

/** The same as it is stored, which belongs to the token that sent it. @throws TlogError invalid_idempotency_key */
export function retryKeyOf(c: Context, tokenId: string): Uint8Array | undefined {
  const key = idempotencyKeyOf(c);
  return key === undefined ? undefined : hashOf(tokenId, key);
}

function hashOf(tokenId: string, key: string): Uint8Array {
  return createHash('sha256').update(`${tokenId}\0${key}`).digest();
}
