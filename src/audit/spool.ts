import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
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
import { makeFolder, syncFolder, unreadable, unwritable } from './spool-disk.ts';
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
  /** A line of which a part is left behind the last whole one of the file. */
  #isCutShort = false;
  /** Syncs that failed. The system tells a failure once: what was written by then may be lost, whoever asks for the next sync. */
  #failures = 0;
  #syncing: Promise<void> | undefined;
  #syncAgain: Promise<void> | undefined;

  /** @throws TlogError spool_locked, not_writable */
  constructor(folder: string, bytesMax: number) {
    this.folder = folder;
    this.bytesMax = bytesMax;
    this.#segmentBytes = Math.min(SEGMENT_BYTES_MAX, Math.ceil(bytesMax / 8));
    let unlock = (): void => undefined;
    try {
      makeFolder(folder);
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
    try {
      this.#checkRoom(line.length);
      if (this.#isCutShort || this.#current.size >= this.#segmentBytes) this.#begin();
      this.#write(line);
    } catch (error) {
      throw unwritable(this.folder, error);
    }
    this.#waiting += 1;
  }

  /**
   * Resolves once all that was appended is on the disk. Calls that come meanwhile share the next one.
   * @throws TlogError spool_full, not_writable
   */
  sync(): Promise<void> {
    const failures = this.#failures;
    if (this.#syncing === undefined) return this.#beginSync(failures);
    this.#syncAgain ??= this.#syncing.then(
      () => this.#beginSync(failures),
      () => this.#beginSync(failures),
    );
    return this.#syncAgain;
  }

  /** The oldest lines that wait; undefined when there are none. @throws TlogError storage_unreadable */
  async next(): Promise<SpooledBatch | undefined> {
    for (const segment of [...this.#segments]) {
      if (segment.done >= segment.size) continue;
      const bytes = await readPart(segment).catch((error: unknown) => {
        throw unreadable(this.folder, error);
      });
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

  /** Notes that lines are dealt with. @throws TlogError not_writable: they are, and their file stays */
  done({ segment, end, lines }: SpooledBatch): void {
    segment.done = end;
    this.#waiting -= lines.length;
    try {
      if (segment.done >= segment.size) this.#forget(segment);
    } catch (error) {
      throw unwritable(this.folder, error);
    }
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
    if (this.#fd >= 0) this.#syncNow();
    const fd = openSync(path, 'ax', 0o600);
    if (this.#fd >= 0) this.#retire(this.#fd);
    this.#fd = fd;
    this.#isCutShort = false;
    this.#segments.push({ path, size: 0, done: 0 });
    this.#isFolderDirty = true;
  }

  #syncNow(): void {
    try {
      fsyncSync(this.#fd);
    } catch (error) {
      this.#failures += 1;
      throw error;
    }
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
      this.#isCutShort = true;
      ftruncateSync(this.#fd, segment.size);
      this.#isCutShort = false;
      throw error;
    }
  }

  /** A file of which all is dealt with goes; the last one is emptied. */
  #forget(segment: Segment): void {
    if (segment === this.#current) {
      ftruncateSync(this.#fd, 0);
      this.#isCutShort = false;
      segment.size = 0;
      segment.done = 0;
      return;
    }
    rmSync(segment.path, { force: true });
    this.#segments.splice(this.#segments.indexOf(segment), 1);
  }

  /** @param failures as they were when the first who waits for it asked */
  #beginSync(failures: number): Promise<void> {
    this.#syncAgain = undefined;
    const syncing = this.#sync(failures).finally(() => {
      if (this.#syncing === syncing) this.#syncing = undefined;
    });
    this.#syncing = syncing;
    return syncing;
  }

  async #sync(failures: number): Promise<void> {
    const isFolderDirty = this.#isFolderDirty;
    this.#isFolderDirty = false;
    try {
      await sync(this.#fd);
      if (isFolderDirty) await syncFolder(this.folder);
    } catch (error) {
      this.#isFolderDirty = true;
      this.#failures += 1;
      throw unwritable(this.folder, error);
    }
    if (this.#failures === failures) return;
    const message = `the spool ${this.folder}: another sync failed, and what it was for may not be on the disk`;
    throw new TlogError('not_writable', message);
  }
}

async function readPart({ path, size, done }: Segment): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size - done, READ_BYTES)), {
    position: done,
  });
  return buffer.subarray(0, bytesRead);
}
