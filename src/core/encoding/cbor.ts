import { Decoder } from 'cbor-x';
import { TlogError } from '../error.ts';
import { utf8Decode } from './utf8.ts';

/** Deepest nesting that is read; answers of a log have three levels. */
const DEPTH_MAX = 16;

const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });
/** From here on cbor-x writes whole numbers as float64 and reads integers as bigint. */
const FLOAT_MIN = 2 ** 32;

/**
 * The value of CBOR (RFC 8949) in the part of it that JSON has, and byte strings: maps with unique text keys, lists,
 * texts, bytes, booleans, null and whole numbers up to 2^53 - 1. Lengths are definite and as short as can be, and there
 * are no tags. The form is checked before anything is made of it, so that a few bytes cannot ask for much memory.
 * @throws TlogError malformed_cbor
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  const end = new CborCheck(bytes).item(0, 0);
  if (end !== bytes.length) throw malformed(`${bytes.length - end} bytes after its end`);
  return decoder.decode(bytes as Parameters<Decoder['decode']>[0]);
}

/** Goes over the bytes once. Each step takes a place and gives the place behind what it looked at. */
class CborCheck {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  item(at: number, depth: number): number {
    if (depth > DEPTH_MAX) throw malformed(`nested deeper than ${DEPTH_MAX}`);
    const first = this.#bytes[at];
    if (first === undefined) throw malformed('cut off');
    const major = Math.floor(first / 32);
    if (major === 7) return this.#simple(at, first);
    const { argument, next } = this.#argument(at, first % 32);
    if (major <= 1) return next;
    // Each item of a list takes a byte at least, each member of a map two.
    const bytesMin = major === 5 ? argument * 2 : argument;
    if (bytesMin > this.#bytes.length - next) throw malformed('cut off');
    if (major === 2) return next + argument;
    if (major === 3) return this.#text(next, argument);
    if (major === 4) return this.#list(next, argument, depth + 1);
    if (major === 5) return this.#map(next, argument, depth + 1);
    throw malformed('it has a tag');
  }

  #argument(at: number, info: number): { argument: number; next: number } {
    if (info < 24) return { argument: info, next: at + 1 };
    if (info > 26) throw malformed('a length is not definite, or a number of 2^32 and more is no float64');
    const width = 2 ** (info - 24);
    const next = at + 1 + width;
    if (next > this.#bytes.length) throw malformed('cut off');
    let argument = 0;
    for (const byte of this.#bytes.subarray(at + 1, next)) argument = argument * 256 + byte;
    if (argument < (width === 1 ? 24 : 256 ** (width / 2))) throw malformed('a number has a shorter form');
    return { argument, next };
  }

  /** false, true, null, and whole numbers of 2^32 and more. */
  #simple(at: number, first: number): number {
    if (first >= 0xf4 && first <= 0xf6) return at + 1;
    if (first !== 0xfb) throw malformed('a value of a kind that JSON has not');
    if (at + 9 > this.#bytes.length) throw malformed('cut off');
    const value = this.#view.getFloat64(at + 1);
    if (!Number.isSafeInteger(value) || value < FLOAT_MIN)
      throw malformed('a float64 is not 2^32 to 2^53 - 1');
    return at + 9;
  }

  #text(at: number, length: number): number {
    if (utf8Decode(this.#bytes.subarray(at, at + length)) === undefined)
      throw malformed('a text is not UTF-8');
    return at + length;
  }

  #list(at: number, length: number, depth: number): number {
    let next = at;
    for (let i = 0; i < length; i += 1) next = this.item(next, depth);
    return next;
  }

  #map(at: number, length: number, depth: number): number {
    const keys = new Set<string>();
    let next = at;
    for (let i = 0; i < length; i += 1) {
      const end = this.item(next, depth);
      const major = Math.floor(Number(this.#bytes[next]) / 32);
      const key = major === 3 ? utf8Decode(this.#bytes.subarray(next, end)) : undefined;
      if (key === undefined || keys.has(key)) throw malformed('a key is no text, or is there twice');
      keys.add(key);
      next = this.item(end, depth);
    }
    return next;
  }
}

function malformed(why: string): TlogError {
  return new TlogError('malformed_cbor', `not CBOR as it is read here: ${why}`);
}
