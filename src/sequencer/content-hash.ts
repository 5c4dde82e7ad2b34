import { createHash } from 'node:crypto';

/**
 * What a retry is compared by: SHA-256 over each entry with its length in decimal and a colon before it, so that no
 * two batches of other cuts are alike.
 */
export function contentHash(entries: Iterable<Uint8Array>): Uint8Array {
  const content = createHash('sha256');
  for (const entry of entries) content.update(`${entry.length}:`).update(entry);
  return content.digest();
}
