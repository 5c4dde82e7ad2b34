import { copyFile, link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SeededRandom } from '../support/seeded-random.ts';

/** Sorts of files in data and guard; notes of LevelDB about itself, its lock and the tokens are not among them. */
export const CLASSES: readonly (readonly [FileClass, RegExp])[] = [
  ['log', /\/db\/[0-9]+\.log$/],
  ['table', /\/db\/[0-9]+\.ldb$/],
  ['manifest', /\/db\/MANIFEST-[0-9]+$/],
  ['current', /\/db\/CURRENT$/],
  ['guard', /^data\.guard\/main\/owner\.[0-9]+$/],
  ['key', /^data\/logs\/main\/key$/],
  ['log.json', /^data\/logs\/main\/log\.json$/],
  ['stele.json', /^data\/stele\.json$/],
];
export type FileClass =
  | 'log'
  | 'table'
  | 'manifest'
  | 'current'
  | 'guard'
  | 'key'
  | 'log.json'
  | 'stele.json';

export const KINDS = ['flip', 'cut', 'zero', 'swap', 'delete', 'stale'] as const;
export type Kind = (typeof KINDS)[number];

/** One change to one file. */
export interface Mutation {
  readonly fileClass: FileClass;
  readonly kind: Kind;
  /** Below the folder that holds `data` and `data.guard`. */
  readonly file: string;
  /** The file as it is to be; undefined: gone. */
  readonly bytes: Buffer | undefined;
  readonly what: string;
}

const PAGE = 4_096;

/** Mutations of a folder; `older` is the same folder as it was some time before. */
export class Mutator {
  readonly #folder: string;
  readonly #older: string;
  readonly #random: SeededRandom;

  constructor(folder: string, older: string, random: SeededRandom) {
    this.#folder = folder;
    this.#older = older;
    this.#random = random;
  }

  /** A mutation of that class and kind; undefined where there can be none, or it would change nothing. */
  async make(fileClass: FileClass, kind: Kind): Promise<Mutation | undefined> {
    const pattern = CLASSES.find(([name]) => name === fileClass)?.[1] ?? /^$/;
    const files = (await filesBelow(this.#folder)).filter((file) => pattern.test(file));
    if (files.length === 0) return undefined;
    const file = this.#random.pick(files);
    const original = await readFile(join(this.#folder, file));
    const [bytes, what] = await this.#changed(kind, file, original);
    if (bytes?.equals(original) === true) return undefined;
    return { fileClass, kind, file, bytes, what: `${kind} ${file} ${what}` };
  }

  async #changed(kind: Kind, file: string, original: Buffer): Promise<readonly [Buffer | undefined, string]> {
    const bytes = Buffer.from(original);
    const at = this.#random.int(0, Math.max(1, bytes.length));
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
    const other = Math.floor(this.#random.int(0, bytes.length) / size) * size;
    original.copy(bytes, page, other, other + size);
    original.copy(bytes, other, page, page + size);
    return [bytes, `${size} bytes at ${page} and ${other}`];
  }

  /** The file under its name as it was before, or another older one of its sort. */
  async #stale(file: string, original: Buffer): Promise<Buffer> {
    const same = await readFile(join(this.#older, file)).catch(() => undefined);
    if (same !== undefined) return same;
    const folder = file.slice(0, file.lastIndexOf('/'));
    const suffix = /\.(?:ldb|log)$/.exec(file)?.[0] ?? /(MANIFEST|owner)/.exec(file)?.[0] ?? '';
    const names = (await readdir(join(this.#older, folder))).filter((name) => name.includes(suffix));
    return names.length === 0 ? original : readFile(join(this.#older, folder, this.#random.pick(names)));
  }
}

/** Makes a copy by hard links, with the mutated file of its own. Nothing may write into the files of the copy. */
export async function mutatedCopy(from: string, to: string, mutation: Mutation): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const file of await filesBelow(from)) {
    const path = join(to, file);
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    // The lock is opened for writing; the guard's folder and the tokens are ours to write in.
    if (/LOCK$/.test(file)) await copyFile(join(from, file), path);
    else if (file !== mutation.file) await link(join(from, file), path);
  }
  if (mutation.bytes === undefined) return;
  const { mode } = await stat(join(from, mutation.file));
  await writeFile(join(to, mutation.file), mutation.bytes, { mode });
}

/** Every file below a folder, by its path from there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
