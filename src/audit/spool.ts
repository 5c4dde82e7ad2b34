import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TlogError } from '../core/error.ts';
import { RefusedEvents } from './refused-events.ts';
import { lockSpool } from './spool-lock.ts';

const sync = promisify(fdatasync);
const LF = 0x0a;
/** Longest part of a file that is read at a time: more than one event, and no more than a log takes in a batch. */
const READ_BYTES = 1024 * 1024;
const SEGMENT_BYTES_MAX = 1024 * 1024;
const SEGMENT = /^([0-9]{10})\.ndjson$/;

/** Events that wait, in the order in which they came, and where they end. */
export interface SpooledBatch {
  readonly lines: readonly string[];
  readonly segment: Segment;
  readonly end: number;
}

interface Segment {
  readonly path: string;
  /** Bytes in the file. */
  size: number;
  /** Bytes that are dealt with. */
  done: number;
}

/**
 * A queue of lines in files of a folder, which belongs to one process. A line is in the hands of the system when `append` returns,
 * so that it survives the end of the process, however that comes; `sync` brings it to the disk. What was dealt with is
 * forgotten file by file: after a crash some lines come again.
 */
export class Spool {
  readonly folder: string;
  readonly bytesMax: number;
  readonly #unlock: () => void;
  readonly #segmentBytes: number;
  /** Oldest first; the last one is written to. */
  readonly #segments: Segment[] = [];
  readonly #refused: RefusedEvents;
  #fd = -1;
  #waiting = 0;
  #isFolderDirty = true;
  #syncing: Promise<void> | undefined;
  #syncAgain: Promise<void> | undefined;

  /** @throws TlogError spool_locked, not_writable */
  constructor(folder: string, bytesMax: number) {
    this.folder = folder;
    this.bytesMax = bytesMax;
    this.#segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.ceil(bytesMax / 8));
    let unlock = (): void => undefined;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      unlock = lockSpool(folder);
      const names = readdirSync(folder).filter((file) => SEGMENT.test(file));
      for (const name of names.sort()) this.#find(join(folder, name));
      this.#refused = new RefusedEvents(folder);
      this.#begin();
    } catch (error) {
      unlock();
      throw unwritable(folder, error);
    }
    this.#unlock = unlock;
  }

  /** Lines that are not dealt with. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Bytes of all files, refused events included. */
  get bytes(): number {
    this.#refused.look();
    return this.#bytes;
  }

  get #bytes(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, this.#refused.bytes);
  }

  /** Appends a line, which has no LF. @throws TlogError spool_full, also where the disk is; not_writable. Nothing is appended then */
  append(text: string): void {
    const line = Buffer.from(`${text}\n`);
    this.#checkRoom(line.length);
    try {
      if (this.#current.size >= this.#segmentBytes) this.#begin();
      this.#write(line);
    } catch (error) {
      throw unwritable(this.folder, error);
    }
    this.#waiting += 1;
  }

  /** Resolves once all that was appended is on the disk. Calls that come meanwhile share the next one. */
  sync(): Promise<void> {
    if (this.#syncing === undefined) return this.#beginSync();
    this.#syncAgain ??= this.#syncing.then(
      () => this.#beginSync(),
      () => this.#beginSync(),
    );
    return this.#syncAgain;
  }

  /** The oldest lines that wait; undefined when there are none. */
  async next(): Promise<SpooledBatch | undefined> {
    for (const segment of [...this.#segments]) {
      if (segment.done >= segment.size) continue;
      const bytes = await readPart(segment);
      const end = bytes.lastIndexOf(LF) + 1;
      if (end > 0)
        return { segment, end: segment.done + end, lines: bytes.toString('utf8', 0, end - 1).split('\n') };
      // The end of a process cut its last line short: `append` had not returned.
      segment.done = segment.size;
      this.#forget(segment);
    }
    this.#waiting = 0;
    return undefined;
  }

  /** Notes that lines are dealt with. */
  done({ segment, end, lines }: SpooledBatch): void {
    segment.done = end;
    this.#waiting -= lines.length;
    if (segment.done >= segment.size) this.#forget(segment);
  }

  /** Keeps a line that no log takes: it was taken here, so it has room whatever else there is. @throws TlogError spool_full, not_writable */
  async reject(line: string, reason: TlogError): Promise<void> {
    try {
      await this.#refused.add(line, reason);
    } catch (error) {
      throw unwritable(this.folder, error);
    }
  }

  /** Brings all to the disk and lets go of the folder. */
  async close(): Promise<void> {
    await this.sync().finally(() => {
      closeSync(this.#fd);
      this.#unlock();
    });
  }

  #checkRoom(more: number): void {
    if (this.#bytes + more <= this.bytesMax || this.bytes + more <= this.bytesMax) return;
    const { bytes } = this.#refused;
    const refused = bytes === 0 ? '' : `; ${bytes} are in refused.ndjson: read it, and take it away`;
    const message = `the spool ${this.folder} has ${this.bytesMax} bytes and no room for more${refused}`;
    throw new TlogError('spool_full', message, { details: { refusedBytes: bytes } });
  }

  get #current(): Segment {
    const last = this.#segments.at(-1);
    if (last === undefined) throw new RangeError('a spool without a file');
    return last;
  }

  #find(path: string): void {
    const bytes = readFileSync(path);
    if (bytes.length === 0) rmSync(path);
    else this.#segments.push({ path, size: bytes.length, done: 0 });
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) this.#waiting += 1;
  }

  /** Begins a file. What was written to the one before is on the disk then, as only the last one is synced later. */
  #begin(): void {
    const last = this.#segments.at(-1)?.path.slice(-17, -7) ?? '0';
    const path = join(this.folder, `${String(Number(last) + 1).padStart(10, '0')}.ndjson`);
    // First: where it fails there is no file yet, and this one goes on.
    if (this.#fd >= 0) fsyncSync(this.#fd);
    const fd = openSync(path, 'ax', 0o600);
    if (this.#fd >= 0) this.#retire(this.#fd);
    this.#fd = fd;
    this.#segments.push({ path, size: 0, done: 0 });
    this.#isFolderDirty = true;
  }

  /** A sync that is under way needs its file open. */
  #retire(fd: number): void {
    const close = (): void => closeSync(fd);
    if (this.#syncing === undefined) close();
    else this.#syncing.then(close, close);
  }

  #write(line: Buffer): void {
    const segment = this.#current;
    try {
      for (let at = 0; at < line.length; ) at += writeSync(this.#fd, line, at);
      segment.size += line.length;
    } catch (error) {
      // Half of a line would spoil the one that follows.
      ftruncateSync(this.#fd, segment.size);
      throw error;
    }
  }

  /** A file of which all is dealt with goes; the last one is emptied. */
  #forget(segment: Segment): void {
    if (segment === this.#current) {
      ftruncateSync(this.#fd, 0);
      segment.size = 0;
      segment.done = 0;
      return;
    }
    rmSync(segment.path, { force: true });
    this.#segments.splice(this.#segments.indexOf(segment), 1);
  }

  #beginSync(): Promise<void> {
    this.#syncAgain = undefined;
    const syncing = this.#sync().finally(() => {
      if (this.#syncing === syncing) this.#syncing = undefined;
    });
    this.#syncing = syncing;
    return syncing;
  }

  async #sync(): Promise<void> {
    const isFolderDirty = this.#isFolderDirty;
    this.#isFolderDirty = false;
    try {
      await sync(this.#fd);
      if (isFolderDirty) await syncFolder(this.folder);
    } catch (error) {
      this.#isFolderDirty = true;
      throw unwritable(this.folder, error);
    }
  }
}

async function readPart({ path, size, done }: Segment): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size - done, READ_BYTES)), {
    position: done,
  });
  return buffer.subarray(0, bytesRead);
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path);
  await folder.sync();
}

/** What to throw for an error of the disk; other errors stay what they are. */
function unwritable(folder: string, cause: unknown): unknown {
  if (cause instanceof TlogError || !(cause instanceof Error) || !('code' in cause)) return cause;
  const isFull = cause.code === 'ENOSPC' || cause.code === 'EDQUOT';
  return new TlogError(
    isFull ? 'spool_full' : 'not_writable',
    `the spool ${folder} takes no writes: ${cause.message}`,
    { cause },
  );
}
