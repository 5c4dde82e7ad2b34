import { copyFile, link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Reference } from './reference.ts';

/** Sorts of files in data and guard. */
type FileName =
  | 'log'
  | 'table'
  | 'manifest'
  | 'current'
  | 'guard'
  | 'key'
  | 'log.json'
  | 'stele.json'
  | 'tokens.json'
  | 'config.yaml'
  | 'seeds'
  | 'raw'
  | 'id-secret'
  | 'published.json'
  | 'scrub.json'
  | 'damage.json';

/**
 * Sorts of files in data and guard, by what their names end in; notes of LevelDB about itself and its lock are not among
 * them. A `row` is changed through LevelDB, which gives it a right checksum.
 */
const FILES: Readonly<Record<FileName, RegExp>> = {
  log: /\/db\/[0-9]+\.log$/,
  table: /\/db\/[0-9]+\.ldb$/,
  manifest: /\/db\/MANIFEST-[0-9]+$/,
  current: /\/db\/CURRENT$/,
  guard: /^data\.guard\/[a-z]+\/owner\.[0-9]+$/,
  key: /\/key$/,
  'log.json': /\/log\.json$/,
  'stele.json': /\/stele\.json$/,
  'tokens.json': /\/tokens\.json$/,
  'config.yaml': /\/config\.yaml$/,
  seeds: /\/seeds$/,
  raw: /\/raw\/[0-9a-f]+$/,
  'id-secret': /\/id-secret$/,
  'published.json': /\/published\.json$/,
  'scrub.json': /\/scrub\.json$/,
  'damage.json': /\/damage\.json$/,
};

export type FileClass = FileName | 'row';
/** Every class, in the order in which they are tried first. */
export const CLASSES: readonly FileClass[] = [...(Object.keys(FILES) as FileName[]), 'row'];

export const KINDS = ['flip', 'cut', 'zero', 'swap', 'delete', 'stale'] as const;
export type Kind = (typeof KINDS)[number];

/** One change to one file. */
export interface Mutation {
  readonly fileClass: FileClass;
  readonly kind: Kind;
  /** Whose answers it may change. */
  readonly target: keyof Reference;
  /** Below the folder that holds `data` and `data.guard`. */
  readonly file: string;
  /** The file as it is to be; undefined: gone. */
  readonly bytes: Buffer | undefined;
  /** The last byte that differs. */
  readonly end: number;
  readonly what: string;
}

const PAGE = 4_096;
const SEED_BYTES = 32;

/** Mutations of the files of a reference. */
export class Mutator {
  readonly #reference: Reference;
  readonly #random: SeededRandom;

  constructor(reference: Reference, random: SeededRandom) {
    this.#reference = reference;
    this.#random = random;
  }

  /** A mutation of that class and kind; undefined where there can be none, or it would change nothing. */
  async make(fileClass: FileName, kind: Kind): Promise<Mutation | undefined> {
    const { folder } = this.#reference[fileClass === 'damage.json' ? 'damaged' : 'entries'];
    const files = (await filesBelow(folder)).filter((file) => FILES[fileClass].test(file));
    if (files.length === 0) return undefined;
    const file = this.#random.pick(files);
    const original = await readFile(join(folder, file));
    const [bytes, what] = await this.#changed(kind, file, original);
    if (bytes?.equals(original) === true) return undefined;
    const target = fileClass === 'damage.json' ? 'damaged' : this.#targetOf(file);
    const end = lastDifference(original, bytes);
    return { fileClass, kind, target, file, bytes, end, what: `${kind} ${file} ${what}` };
  }

  /** That of its log; what is of all logs may change the answers of any. */
  #targetOf(file: string): 'entries' | 'events' {
    const [, name] = /^data(?:\.guard|\/logs)\/([a-z]+)\//.exec(file) ?? [];
    if (name !== undefined) return name === 'main' ? 'entries' : 'events';
    return this.#random.pick(['entries', 'events']);
  }

  async #changed(kind: Kind, file: string, original: Buffer): Promise<readonly [Buffer | undefined, string]> {
    const bytes = Buffer.from(original);
    const used = this.#usedBytes(file, bytes.length);
    const at = this.#random.int(0, Math.max(1, used));
    if (kind === 'delete') return [undefined, ''];
    if (bytes.length === 0) return [bytes, 'is empty'];
    if (kind === 'cut') return [bytes.subarray(0, at), `at ${at}`];
    if (kind === 'stale') return [await this.#stale(file, original), ''];
    if (kind === 'flip') {
      const bit = this.#random.int(0, 8);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
      return [bytes, `byte ${at} bit ${bit}`];
    }
    // Small files have no pages: their halves do.
    const size = Math.min(PAGE, Math.max(1, Math.floor(bytes.length / 2)));
    const page = Math.floor(at / size) * size;
    if (kind === 'zero')
      return [bytes.fill(0, page, Math.min(page + size, bytes.length)), `${size} bytes at ${page}`];
    const other = Math.floor(this.#random.int(0, used) / size) * size;
    original.copy(bytes, page, other, other + size);
    original.copy(bytes, other, page, page + size);
    return [bytes, `${size} bytes at ${page} and ${other}`];
  }

  /** Most seeds are made ahead of their events: what is wrong with those has no effect, and is seldom tried. */
  #usedBytes(file: string, length: number): number {
    if (!FILES.seeds.test(file) || this.#random.next() < 0.1) return length;
    return PAGE + SEED_BYTES * this.#reference.events.entries.length;
  }

  /** The file under its name as it was before, or another older one of its sort. */
  async #stale(file: string, original: Buffer): Promise<Buffer> {
    const { older } = this.#reference.entries;
    const same = await readFile(join(older, file)).catch(() => undefined);
    if (same !== undefined) return same;
    const suffix = /\.(?:ldb|log)$/.exec(file)?.[0] ?? /(MANIFEST|owner)/.exec(file)?.[0] ?? '';
    const found = await readdir(join(older, dirname(file)), { withFileTypes: true });
    const names = found.filter((entry) => entry.isFile() && entry.name.includes(suffix));
    return names.length === 0
      ? original
      : readFile(join(older, dirname(file), this.#random.pick(names).name));
  }
}

function lastDifference(original: Buffer, bytes: Buffer | undefined): number {
  if (bytes?.length !== original.length) return original.length;
  return original.findLastIndex((byte, i) => byte !== bytes[i]);
}

/** What a log opens for writing, and what a change of a row changes, is copied; nothing may write into the others. */
const COPIED = /\/(?:LOCK|seeds)$/;

/** Makes a copy by hard links, with the mutated file of its own. */
export async function mutatedCopy(from: string, to: string, mutation: Mutation): Promise<void> {
  await linkedCopy(from, to, (file) => file === mutation.file);
  if (mutation.bytes === undefined) return;
  const { mode } = await stat(join(from, mutation.file));
  await writeFile(join(to, mutation.file), mutation.bytes, { mode });
}

/** A copy by hard links, without some files. @param isCopied these have bytes of their own */
export async function linkedCopy(
  from: string,
  to: string,
  isLeftOut: (file: string) => boolean,
  isCopied: (file: string) => boolean = () => false,
): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const file of await filesBelow(from)) {
    const path = join(to, file);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (isLeftOut(file)) continue;
    if (COPIED.test(file) || isCopied(file)) await copyFile(join(from, file), path);
    else await link(join(from, file), path);
  }
}

/** Every file below a folder, by its path from there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
