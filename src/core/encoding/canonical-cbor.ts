import { utf8Decode, utf8Encode } from './utf8.ts';

/** Major types of RFC 8949 that are read and written here. */
export const CBOR = { uint: 0, bytes: 2, text: 3, list: 4, map: 5 } as const;

/** Deepest nesting that is read. */
const DEPTH_MAX = 16;

/** The head of an item: its major type, and its number or length from 0 to 2^53 − 1 in as few bytes as hold it. */
export function cborHead(major: number, argument: number): Uint8Array {
  if (argument < 24) return Uint8Array.of(major * 32 + argument);
  const width = argument < 2 ** 8 ? 1 : argument < 2 ** 16 ? 2 : argument < 2 ** 32 ? 4 : 8;
  const head = new Uint8Array(1 + width);
  head[0] = major * 32 + 24 + Math.log2(width);
  for (let [at, left] = [width, argument]; at > 0; at -= 1, left = Math.floor(left / 256))
    head[at] = left % 256;
  return head;
}

/** Head and bytes of a byte string. */
export function cborBytes(bytes: Uint8Array): readonly [Uint8Array, Uint8Array] {
  return [cborHead(CBOR.bytes, bytes.length), bytes];
}

/** Head and bytes of a text. */
export function cborText(text: string): readonly [Uint8Array, Uint8Array] {
  const bytes = utf8Encode(text);
  return [cborHead(CBOR.text, bytes.length), bytes];
}

/**
 * Reads deterministic CBOR (RFC 8949 4.2.1) item by item: shortest heads, definite lengths, keys of a map in ascending
 * bytewise order; no tags, floats or numbers beyond 2^53 − 1. What is read shares memory with the bytes.
 */
export class CborReader {
  readonly #bytes: Uint8Array;
  readonly #refuse: (why: string) => Error;
  #at = 0;

  /** @param refuse makes the error that all methods throw for bytes in another form */
  constructor(bytes: Uint8Array, refuse: (why: string) => Error) {
    this.#bytes = bytes;
    this.#refuse = refuse;
  }

  /** Steps over a byte, if it is the next one. */
  takes(byte: number): boolean {
    const isNext = this.#bytes[this.#at] === byte;
    if (isNext) this.#at += 1;
    return isNext;
  }

  /** The number or length of an item of this major type. */
  head(major: number): number {
    const found = this.#head();
    if (found.major !== major) throw this.#refuse(`an item of major type ${found.major}, not ${major}`);
    return found.argument;
  }

  bytes(): Uint8Array {
    return this.#take(this.head(CBOR.bytes));
  }

  text(): string {
    return this.#utf8(this.head(CBOR.text));
  }

  /** The bytes of one map, whatever is in it. */
  map(): Uint8Array {
    const start = this.#at;
    this.#members(this.head(CBOR.map), 1);
    return this.#bytes.subarray(start, this.#at);
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw this.#refuse(`${left} bytes behind its end`);
  }

  #head(): { major: number; argument: number } {
    const [first = 0] = this.#take(1);
    const [major, info] = [Math.floor(first / 32), first % 32];
    if (info < 24) return { major, argument: info };
    if (info > 27) throw this.#refuse('a length is not definite');
    let argument = 0;
    for (const byte of this.#take(2 ** (info - 24))) argument = argument * 256 + byte;
    if (!Number.isSafeInteger(argument)) throw this.#refuse('a number is beyond 2^53 − 1');
    if (cborHead(major, argument)[0] !== first) throw this.#refuse('a number has a shorter form');
    return { major, argument };
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw this.#refuse('cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #utf8(length: number): string {
    const text = utf8Decode(this.#take(length));
    if (text === undefined) throw this.#refuse('a text is not UTF-8');
    return text;
  }

  #skip(depth: number): void {
    if (depth > DEPTH_MAX) throw this.#refuse(`nested deeper than ${DEPTH_MAX}`);
    const isSimple = this.takes(0xf4) || this.takes(0xf5) || this.takes(0xf6);
    if (isSimple) return;
    const { major, argument } = this.#head();
    if (major === CBOR.bytes) this.#take(argument);
    else if (major === CBOR.text) this.#utf8(argument);
    else if (major === CBOR.list) for (let i = 0; i < argument; i += 1) this.#skip(depth + 1);
    else if (major === CBOR.map) this.#members(argument, depth + 1);
    else if (major > CBOR.map) throw this.#refuse('it has a tag, or a value of another kind');
  }

  #members(count: number, depth: number): void {
    let before: Uint8Array | undefined;
    for (let i = 0; i < count; i += 1) {
      const start = this.#at;
      this.#skip(depth);
      const key = this.#bytes.subarray(start, this.#at);
      if (before !== undefined && !isBelow(before, key)) throw this.#refuse('keys of a map do not ascend');
      before = key;
      this.#skip(depth);
    }
  }
}

/** Whether one key comes before another in the order of their bytes; no key is the start of another. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at >= 0 && Number(a[at]) < Number(b[at]);
}
