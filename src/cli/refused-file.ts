import { type FileHandle, open } from 'node:fs/promises';
import { utf8Decode } from '../core/encoding/utf8.ts';
import type { TlogError } from '../core/error.ts';
import type { CutRecord } from '../import/record-cutter.ts';
import { WriteError } from './exit-code.ts';

const LF = 0x0a;

/**
 * A file of what was refused, a line of JSON each: `file`, `line`, `code`, `reason`, and the record as `record`, or as
 * `recordBase64` where it is no UTF-8; a record that is longer than an event can hold is not repeated. Made when something
 * is refused for the first time, readable to its owner alone: it holds records. What another run has refused stays in front.
 * Writes go in order.
 */
export class RefusedFile implements AsyncDisposable {
  readonly path: string;
  #file: Promise<FileHandle> | undefined;
  #last: Promise<void> = Promise.resolve();
  #count = 0;

  constructor(path: string) {
    this.path = path;
  }

  get count(): number {
    return this.#count;
  }

  /** Resolves once it is in the file. @throws WriteError */
  add(file: string, { line, bytes }: CutRecord, { code, message: reason }: TlogError): Promise<void> {
    this.#count += 1;
    const text = bytes === undefined ? undefined : utf8Decode(bytes);
    const record = text === undefined ? encoded(bytes) : { record: text };
    const json = `${JSON.stringify({ file, line, code, reason, ...record })}\n`;
    this.#last = this.#last.then(() => this.#write(json));
    return this.#last;
  }

  async #write(json: string): Promise<void> {
    try {
      this.#file ??= openToAppend(this.path);
      await (await this.#file).appendFile(json);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : '';
      throw new WriteError(`cannot write what was refused to ${this.path}: ${why}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined);
    const file = await this.#file?.catch(() => undefined);
    await file?.close();
  }
}

/** To be written behind what is there, of which the end of a process may have cut the last line short. */
async function openToAppend(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+', 0o600);
  const { size } = await file.stat();
  if (size === 0) return file;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer[0] !== LF) await file.appendFile('\n');
  return file;
}

function encoded(bytes: Uint8Array | undefined): { recordBase64?: string } {
  return bytes === undefined ? {} : { recordBase64: Buffer.from(bytes).toString('base64') };
}
