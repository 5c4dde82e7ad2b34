import { createHash } from 'node:crypto';

/**
 * What a retry is compared by: SHA-256 over each entry with its length in decimal and a colon before it, so that no
 * two batches of other cuts are alike.
 */
export class ContentHash {
  readonly #content = createHash('sha256');

  add(entry: Uint8Array): void {
    this.#content.update(`${entry.length}:`).update(entry);
  }

  /** To be called once. */
  digest(): Uint8Array {
    return this.#content.digest();
  }
}

/** The same of entries that are all there. */
export function contentHash(entries: Iterable<Uint8Array>): Uint8Array {
  const content = new ContentHash();
  for (const entry of entries) content.add(entry);
  return content.digest();
}
