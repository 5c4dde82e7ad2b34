import { createHash, type Hash } from 'node:crypto';
import { concatBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';

/** A batch ends with its 1,000th line. */
export const CUT_LINES = 1_000;
/** A batch ends with the line that brings it to 4 MiB of input, line feeds counted. */
export const CUT_BYTES: number = 4 * 1024 * 1024;
/** It ends before a line with which it would have more than a request may, line feeds counted: lines of events are long. */
export const BATCH_BYTES_MAX: number = 8 * 1024 * 1024;

const LF = 0x0a;

/** Lines that are sent together. */
export interface LineBatch {
  /** The bytes before each LF; an empty line is an empty entry. */
  readonly entries: readonly Uint8Array[];
  /** SHA-256, in hex, of all input bytes from the first to the batch's last one: its Idempotency-Key. */
  readonly key: string;
  /** Number of the first line, counted from 1. */
  readonly firstLine: number;
}

/**
 * Cuts a byte stream into batches of lines at points that depend on the bytes alone, never on how they arrive:
 * the same input gives the same batches and keys again, which is what lets a second run resume. Nothing is
 * decoded: CR stays, and a last line without LF counts. Holds one batch and one chunk at a time.
 * @throws TlogError entry_too_large naming the line, before any line of its batch is given out
 */
export async function* cutLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<LineBatch, void, undefined> {
  const batch = new BatchBuilder(lineBytesMax);
  for await (const chunk of chunks) {
    let start = 0;
    while (start < chunk.length) {
      const end = chunk.indexOf(LF, start);
      if (end < 0) {
        batch.addPart(new Uint8Array(chunk.subarray(start)));
        break;
      }
      yield* batch.endLine(new Uint8Array(chunk.subarray(start, end)));
      start = end + 1;
    }
  }
  yield* batch.endInput();
}

const LINE_FEED = Uint8Array.of(LF);

class BatchBuilder {
  readonly #lineBytesMax: number;
  readonly #hash = createHash('sha256');
  /** Of the input up to the end of the last line. */
  #before: Hash = this.#hash.copy();
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #entries: Uint8Array[] = [];
  #bytes = 0;
  #firstLine = 1;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  addPart(part: Uint8Array): void {
    this.#partBytes += part.length;
    if (this.#partBytes > this.#lineBytesMax) {
      const line = this.#firstLine + this.#entries.length;
      throw new TlogError(
        'entry_too_large',
        `line ${line} is longer than ${this.#lineBytesMax} bytes; nothing from line ${this.#firstLine} on was sent`,
        { details: { line } },
      );
    }
    this.#hash.update(part);
    this.#parts.push(part);
  }

  *endLine(part: Uint8Array): Generator<LineBatch, void, undefined> {
    this.addPart(part);
    yield* this.#makeRoom(this.#partBytes + 1);
    this.#hash.update(LINE_FEED);
    this.#bytes += 1;
    this.#pushEntry();
    if (this.#entries.length >= CUT_LINES || this.#bytes >= CUT_BYTES) yield this.#cut();
  }

  *endInput(): Generator<LineBatch, void, undefined> {
    if (this.#partBytes > 0) {
      yield* this.#makeRoom(this.#partBytes + 1);
      this.#pushEntry();
    }
    if (this.#entries.length > 0) yield this.#cut();
  }

  *#makeRoom(bytes: number): Generator<LineBatch, void, undefined> {
    if (this.#entries.length > 0 && this.#bytes + bytes > BATCH_BYTES_MAX) yield this.#cut();
  }

  #cut(): LineBatch {
    const batch = {
      entries: this.#entries,
      key: this.#before.copy().digest('hex'),
      firstLine: this.#firstLine,
    };
    this.#firstLine += this.#entries.length;
    this.#entries = [];
    this.#bytes = 0;
    return batch;
  }

  #pushEntry(): void {
    const [only] = this.#parts;
    this.#entries.push(this.#parts.length === 1 && only !== undefined ? only : concatBytes(...this.#parts));
    this.#bytes += this.#partBytes;
    this.#parts = [];
    this.#partBytes = 0;
    this.#before = this.#hash.copy();
  }
}
