/** A seeded generator (sfc32): the same seed and stream give the same numbers on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = stream | 0;
    for (let i = 0; i < 12; i += 1) this.u32();
  }

  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(count / 4) * 4);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < count; at += 4) view.setUint32(at, this.u32());
    return bytes.subarray(0, count);
  }

  /** A whole number from 0 to below n. */
  below(n: number): number {
    return Math.floor((this.u32() / 2 ** 32) * n);
  }

  /** A whole number from a to b, both included. */
  between(a: number, b: number): number {
    return a + this.below(b - a + 1);
  }

  chance(probability: number): boolean {
    return this.u32() / 2 ** 32 < probability;
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('nothing to pick from');
    return from[this.below(from.length)] as T;
  }

  /** One name of a table of names and weights. */
  weighted<K extends string>(table: Readonly<Record<K, number>>): K {
    const rows = Object.entries(table) as [K, number][];
    let rest = (this.u32() / 2 ** 32) * rows.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of rows) {
      rest -= weight;
      if (rest < 0) return name;
    }
    return (rows.at(-1) as [K, number])[0];
  }
}
