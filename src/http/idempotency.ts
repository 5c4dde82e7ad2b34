import { createHash } from 'node:crypto';
import { contentHash } from '../sequencer/content-hash.ts';
import type { AppendRequest } from '../sequencer/log.ts';

/** What makes a retry known: the key as sent, which belongs to the token that sent it, and a digest of what came with it. */
export function idempotencyOf(
  tokenId: string,
  key: string,
  entries: readonly Uint8Array[],
): NonNullable<AppendRequest['idempotency']> {
  return {
    key: createHash('sha256').update(`${tokenId}\0${key}`).digest(),
    contentHash: contentHash(entries),
  };
}
