/** True iff both hold the same bytes. Not constant-time: nothing secret is compared with it. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** All parts, one after the other, in fresh memory. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * Hands out parts of larger memory: for bytes that are made by the thousand and let go together. Each in memory of its own
 * costs the garbage collector more than writing it does.
 */
export class SharedMemory {
  readonly #sharedBytes: number;
  #bytes = new Uint8Array(0);
  #used = 0;

  /** @param sharedBytes what is shared at a time; who takes more than a quarter of it gets memory of his own */
  constructor(sharedBytes: number = 64 * 1024) {
    this.#sharedBytes = sharedBytes;
  }

  /** So many bytes that nobody else gets. */
  take(length: number): Uint8Array {
    if (length > this.#sharedBytes / 4) return new Uint8Array(length);
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(this.#sharedBytes);
      this.#used = 0;
    }
    this.#used += length;
    return this.#bytes.subarray(this.#used - length, this.#used);
  }

  /** What `write` puts into the room of `most` bytes that it is given; it says how many these are, and takes no memory here itself. */
  fill(most: number, write: (room: Uint8Array) => number): Uint8Array {
    const room = this.take(most);
    const part = room.subarray(0, write(room));
    if (room.buffer === this.#bytes.buffer) this.#used -= room.length - part.length;
    return part;
  }
}
