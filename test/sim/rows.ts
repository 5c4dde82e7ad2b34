/** Sorted enough for a model: rows by the first byte of their key, each group copied only when it is written to. */
export class Rows {
  readonly #groups = new Map<number, Map<string, Uint8Array>>();
  readonly #shared = new Set<number>();

  get(key: string): Uint8Array | undefined {
    return this.#groups.get(key.charCodeAt(0))?.get(key);
  }

  set(key: string, value: Uint8Array | undefined): void {
    const group = this.#writable(key.charCodeAt(0));
    if (value === undefined) group.delete(key);
    else group.set(key, value);
  }

  /** Another view of the same rows; writing to one leaves the other alone. */
  clone(): Rows {
    const copy = new Rows();
    for (const [letter, group] of this.#groups) {
      copy.#groups.set(letter, group);
      copy.#shared.add(letter);
      this.#shared.add(letter);
    }
    return copy;
  }

  /** Keys in [start, end), in byte order. */
  keys(start: string, end: string): string[] {
    const found: string[] = [];
    for (const [letter, group] of this.#groups) {
      if (letter < start.charCodeAt(0) || letter > end.charCodeAt(0)) continue;
      for (const key of group.keys()) if (key >= start && key < end) found.push(key);
    }
    return found.sort((a, b) => (a < b ? -1 : 1));
  }

  /** Every key, in a fixed order. */
  all(): string[] {
    return [...this.#groups.keys()]
      .sort((a, b) => a - b)
      .flatMap((letter) => [...(this.#groups.get(letter)?.keys() ?? [])]);
  }

  #writable(letter: number): Map<string, Uint8Array> {
    const group = this.#groups.get(letter);
    if (group !== undefined && !this.#shared.has(letter)) return group;
    const own = new Map(group);
    this.#groups.set(letter, own);
    this.#shared.delete(letter);
    return own;
  }
}

/** A key as a map key: one character a byte, so that string order is byte order. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
