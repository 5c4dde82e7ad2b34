import { statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TlogError } from '../core/error.ts';
import { syncFolder } from './spool-disk.ts';

const LF = 0x0a;

/** Events that no log takes, with the reason, a line of JSON each: `refused.ndjson` of a spool, which nobody reads but people. */
export class RefusedEvents {
  readonly #path: string;
  #bytes: number;

  constructor(folder: string) {
    this.#path = join(folder, 'refused.ndjson');
    this.#bytes = sizeOf(this.#path);
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Looks at the file again: somebody may have taken it away. */
  look(): void {
    this.#bytes = sizeOf(this.#path);
  }

  /** Appends a line that was spooled, whole and on the disk, or nothing of it. Rejects with what the disk says. */
  async add(line: string, { code, message: reason }: TlogError): Promise<void> {
    await using file = await open(this.#path, 'a+', 0o600);
    const { size } = await file.stat();
    const text = `${JSON.stringify({ code, reason, event: jsonOr(line) })}\n`;
    try {
      // The end of a process may have cut the last line short.
      await file.appendFile((await endsALine(file, size)) ? text : `\n${text}`);
      await file.datasync();
      if (size === 0) await syncFolder(dirname(this.#path));
    } catch (error) {
      await file.truncate(size);
      throw error;
    }
    this.look();
  }
}

async function endsALine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === LF;
}

/** What a disk has spoiled is kept as it is. */
function jsonOr(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
