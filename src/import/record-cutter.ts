import { concatBytes } from '../core/bytes.ts';
import { RAW_BYTES_MAX } from '../core/event/event.ts';

/** One record of an input. */
export interface CutRecord {
  /** What stands before its LF; undefined where that is longer than 5 MiB, which no event can hold. */
  readonly bytes: Uint8Array | undefined;
  /** Its length with its LF. */
  readonly length: number;
  /** Number of its first line, counted from 1. */
  readonly line: number;
}

export interface CutOptions {
  /** Whether line feeds between quotes belong to a record (RFC 4180). */
  readonly quoted: boolean;
  /** Is told all bytes of the input, those of a record before it is given out. */
  seen(part: Uint8Array): void;
}

const LF = 0x0a;
const QUOTE = 0x22;

/**
 * Cuts a byte stream into records, a line each. Nothing is decoded: CR stays, and a last record without LF counts. Holds one
 * record and one chunk at a time.
 */
export async function* cutRecords(
  chunks: AsyncIterable<Uint8Array>,
  { quoted, seen }: CutOptions,
): AsyncGenerator<CutRecord, void, undefined> {
  const record = new RecordBuilder(quoted);
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; ) {
      const lineFeed = chunk.indexOf(LF, start);
      const end = lineFeed < 0 ? chunk.length : lineFeed + 1;
      const part = new Uint8Array(chunk.subarray(start, end));
      seen(part);
      record.add(part);
      if (lineFeed >= 0 && record.endLine()) yield record.cut();
      start = end;
    }
  }
  if (record.length > 0) yield record.cut();
}

class RecordBuilder {
  readonly #quoted: boolean;
  #parts: Uint8Array[] = [];
  #length = 0;
  #isInQuotes = false;
  #line = 1;
  /** Line feeds seen so far, and one. */
  #nextLine = 1;

  constructor(quoted: boolean) {
    this.#quoted = quoted;
  }

  get length(): number {
    return this.#length;
  }

  add(part: Uint8Array): void {
    this.#length += part.length;
    // One byte more is the LF.
    if (this.#length > RAW_BYTES_MAX + 1) this.#parts = [];
    else this.#parts.push(part);
    if (this.#quoted && quotesIn(part) % 2 === 1) this.#isInQuotes = !this.#isInQuotes;
  }

  /** Whether the line that ends here ends the record. */
  endLine(): boolean {
    this.#nextLine += 1;
    return !this.#isInQuotes;
  }

  cut(): CutRecord {
    const record = { bytes: this.#bytes(), length: this.#length, line: this.#line };
    this.#line = this.#nextLine;
    this.#parts = [];
    this.#length = 0;
    return record;
  }

  #bytes(): Uint8Array | undefined {
    if (this.#length > RAW_BYTES_MAX + 1) return undefined;
    const whole = concatBytes(...this.#parts);
    const bytes = whole.at(-1) === LF ? whole.subarray(0, -1) : whole;
    return bytes.length > RAW_BYTES_MAX ? undefined : bytes;
  }
}

function quotesIn(part: Uint8Array): number {
  let count = 0;
  for (let at = part.indexOf(QUOTE); at >= 0; at = part.indexOf(QUOTE, at + 1)) count += 1;
  return count;
}
