import { createHash } from 'node:crypto';
import type { AppendRequest } from '../sequencer/log.ts';

/**
 * What makes a retry known: the key as sent, which belongs to the token that sent it, and a digest of what came
 * with it. Entries are hashed with their lengths, so that no two batches of other cuts are alike.
 */
export function idempotencyOf(
  tokenId: string,
  key: string,
  entries: readonly Uint8Array[],
): NonNullable<AppendRequest['idempotency']> {
  const content = createHash('sha256');
  for (const entry of entries) content.update(`${entry.length}:`).update(entry);
  return { key: createHash('sha256').update(`${tokenId}\0${key}`).digest(), contentHash: content.digest() };
}
