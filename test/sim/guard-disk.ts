import type { GuardFile, GuardFiles } from '../../src/store/guard-files.ts';
import { decodeSlot, SLOT_BYTES } from '../../src/store/guard-slot.ts';
import { osError, type Process } from './process.ts';
import type { Random } from './random.ts';

const SLOW_MS = 400;
const SECTOR_BYTES = 512;

/** A file: what processes see of it, and what the disk has. */
interface Inode {
  cached: Buffer;
  durable: Buffer;
}

/** The guard's folder: names and files, each as processes see it and as a power cut would leave it. */
export class GuardDisk {
  full = false;
  /** False only for a planted bug: files that are not opened for synced writes. */
  syncsWrites = true;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #away: Map<string, Inode> | undefined;

  /** The filesystem as one process sees it. */
  files(process: Process): GuardFiles {
    return {
      mkdir: () => process.call('guard mkdir', [], () => undefined),
      readdir: () => this.#call(process, 'guard list', 'guard-list-error', () => [...this.#names.keys()]),
      readFile: (path) => this.#call(process, 'guard read', 'guard-read-error', () => this.#read(path)),
      openNew: (path) => this.#openNew(process, path),
      unlink: (path) => this.#call(process, 'guard unlink', 'guard-unlink-error', () => this.#unlink(path)),
      exists: (path) => this.#exists(process, path),
      syncFolder: () => this.#call(process, 'guard sync', 'guard-sync-error', () => this.#syncNames()),
    };
  }

  #call<T>(process: Process, what: string, fault: Parameters<Process['takes']>[0], act: () => T): Promise<T> {
    const isBroken = process.takes(fault);
    return process.call(what, [], () => {
      if (!isBroken) return act();
      process.doom(fault);
      throw osError('EIO', what);
    });
  }

  #read(path: string): Buffer {
    const inode = this.#names.get(nameOf(path));
    if (inode === undefined) throw osError('ENOENT', path);
    return Buffer.from(inode.cached);
  }

  #exists(process: Process, path: string): boolean {
    if (!process.alive) throw osError('EIO', 'the process is gone');
    if (!process.takes('guard-stat-error')) return this.#names.has(nameOf(path));
    process.doom('guard-stat-error');
    throw osError('EIO', path);
  }

  #unlink(path: string): void {
    if (!this.#names.delete(nameOf(path))) throw osError('ENOENT', path);
  }

  #syncNames(): void {
    this.#durableNames = new Map(this.#names);
  }

  #openNew(process: Process, path: string): Promise<GuardFile> {
    const inode: Inode = { cached: Buffer.alloc(0), durable: Buffer.alloc(0) };
    return this.#call(process, 'guard create', 'guard-create-error', () => {
      if (this.full) {
        process.faulted = true;
        throw osError('ENOSPC', path);
      }
      if (this.#names.has(nameOf(path))) throw osError('EEXIST', path);
      if (this.#away !== undefined) throw osError('ENOENT', path);
      this.#names.set(nameOf(path), inode);
      return {
        write: (bytes, at) => this.#write(process, inode, Buffer.from(bytes), at),
        sync: () => process.call('guard sync file', [() => flush(inode)], () => undefined),
        close: () => process.call('guard close', [], () => undefined),
      };
    });
  }

  /** In order: half of the bytes, all of them, all of them on the disk, the answer. */
  #write(process: Process, inode: Inode, bytes: Buffer, at: number): Promise<number> {
    const half = (): void => put(inode, bytes.subarray(0, bytes.length / 2), at);
    const all = (): void => put(inode, bytes, at);
    const durable = (): void => {
      if (this.syncsWrites) flush(inode);
    };
    const fail = (): number => {
      process.doom('guard write failed');
      throw osError(this.full ? 'ENOSPC' : 'EIO', 'write');
    };
    const short = (): number => {
      // Zeros for room that did not all fit are no raise: the next slot that is written is counted again.
      if (bytes.length === SLOT_BYTES) process.doom('guard write was short');
      return bytes.length / 2;
    };
    if (this.full) process.faulted = true;
    if (this.full || process.takes('guard-write-error-absent')) return process.call('guard write', [], fail);
    if (process.takes('guard-write-error-done'))
      return process.call('guard write', [half, all, durable], fail);
    if (process.takes('guard-write-short')) return process.call('guard write', [half], short);
    const never = process.takes('guard-write-never');
    const extraMs = process.takes('guard-write-slow') ? SLOW_MS : 0;
    return process.call('guard write', [half, all, durable], () => bytes.length, { extraMs, never });
  }

  /** Largest size that the guard would show after a power cut. */
  durableSize(): number {
    return Math.max(
      -1,
      ...[...this.#durableNames.values()].map(({ durable }) => markOf(durable)?.size ?? -1),
    );
  }

  /** The largest mark that a process would read; undefined when none is readable. */
  best(): { readonly size: number; readonly root: string } | undefined {
    const marks = [...(this.#away ?? this.#names).values()].map(({ cached }) => markOf(cached));
    return marks.filter((mark) => mark !== undefined).sort((a, b) => b.size - a.size)[0];
  }

  /** Names that were not synced are there or not; bytes that were not synced are there sector by sector. */
  powerCut(random: Random): void {
    const names = new Set([...this.#names.keys(), ...this.#durableNames.keys()]);
    const left = new Map<string, Inode>();
    for (const name of [...names].sort()) {
      const [now, before] = [this.#names.get(name), this.#durableNames.get(name)];
      const inode = now === before || random.chance(0.5) ? now : before;
      if (inode !== undefined) left.set(name, inode);
    }
    for (const inode of left.values()) settleSectors(inode, random);
    this.#names = left;
    this.#durableNames = new Map(left);
  }

  /** Another folder with the same bytes. */
  copy(): GuardDisk {
    const copy = new GuardDisk();
    for (const [name, { cached }] of this.#names)
      copy.#names.set(name, { cached: Buffer.from(cached), durable: Buffer.from(cached) });
    copy.#durableNames = new Map(copy.#names);
    return copy;
  }

  /** Forgets all and has what another has; for a planted bug. */
  become(other: GuardDisk): void {
    this.#names = other.copy().#names;
    this.#durableNames = new Map(this.#names);
  }

  /** Turns one bit of one slot. Gives back what undoes it; undefined when there is nothing to spoil. */
  rot(random: Random): (() => void) | undefined {
    const inodes = [...this.#names.values()].filter((inode) => inode.cached.length > 0);
    if (inodes.length === 0) return undefined;
    const inode = random.pick(inodes);
    const before = { ...inode };
    const spoiled = Buffer.from(inode.cached);
    const at = random.below(spoiled.length);
    spoiled[at] = (spoiled[at] ?? 0) ^ 1;
    inode.cached = spoiled;
    inode.durable = spoiled;
    return () => {
      inode.cached = before.cached;
      inode.durable = before.durable;
    };
  }

  /** The folder is moved away, and comes back. */
  takeAway(): void {
    this.#away ??= this.#names;
    this.#names = new Map();
    this.#durableNames = new Map();
  }
  putBack(): void {
    if (this.#away === undefined) return;
    this.#names = this.#away;
    this.#durableNames = new Map(this.#away);
    this.#away = undefined;
  }
  get isAway(): boolean {
    return this.#away !== undefined;
  }
}

const marks = new WeakMap<Buffer, { readonly size: number; readonly root: string }>();

/** The larger mark of a file's two slots. Buffers are replaced, never changed, but by rot, which replaces them too. */
function markOf(file: Buffer): { readonly size: number; readonly root: string } | undefined {
  const known = marks.get(file);
  if (known !== undefined) return known;
  const slots = [0, SLOT_BYTES].map((at) => decodeSlot(file.subarray(at, at + SLOT_BYTES)));
  const mark = slots.filter((slot) => slot !== undefined).sort((a, b) => b.size - a.size)[0];
  if (mark === undefined) return undefined;
  const found = { size: mark.size, root: Buffer.from(mark.rootHash).toString('base64') };
  marks.set(file, found);
  return found;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function put(inode: Inode, bytes: Buffer, at: number): void {
  const grown = Buffer.alloc(Math.max(inode.cached.length, at + bytes.length));
  inode.cached.copy(grown);
  bytes.copy(grown, at);
  inode.cached = grown;
}

function flush(inode: Inode): void {
  inode.durable = inode.cached;
}

function settleSectors(inode: Inode, random: Random): void {
  if (inode.cached === inode.durable) return;
  const left = Buffer.alloc(random.chance(0.5) ? inode.cached.length : inode.durable.length);
  inode.durable.copy(left);
  for (let at = 0; at < left.length; at += SECTOR_BYTES)
    if (random.chance(0.5)) inode.cached.copy(left, at, at, at + SECTOR_BYTES);
  inode.cached = left;
  inode.durable = left;
}
