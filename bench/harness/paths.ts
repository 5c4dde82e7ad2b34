import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The repository. This file runs both as source and compiled, so it is looked for upwards. */
export const ROOT: string = repositoryAbove(import.meta.dirname);
export const RESULTS: string = join(ROOT, 'bench', 'results');
/** The built server. */
export const SERVER: string = join(ROOT, 'dist', 'cli', 'main.js');
/** The compiled programs that run as processes of their own. */
export const PROGRAMS: string = join(ROOT, 'bench', 'dist', 'bench', 'programs');

const FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlay'],
  [0x01021994, 'tmpfs'],
]);

function repositoryAbove(folder: string): string {
  if (existsSync(join(folder, 'package-lock.json'))) return folder;
  if (dirname(folder) === folder) throw new Error('the bench runs inside its repository only');
  return repositoryAbove(dirname(folder));
}

/** The name of the filesystem below a folder; its number where we know no name. */
export async function filesystemOf(folder: string): Promise<string> {
  const { type } = await statfs(folder);
  return FILESYSTEMS.get(type) ?? `0x${type.toString(16)}`;
}
