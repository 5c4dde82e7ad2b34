import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROOT: string = join(import.meta.dirname, '..', '..');

/** What a page may use of a checkout, beside packages and a build. */
const COPIED = [
  ...['package.json', '.npmrc', 'LICENSE', 'README.md'],
  ...['scripts', 'src', 'tsconfig.json', 'tsconfig.build.json', 'test/interop/go'],
];

/** Where a page is tried: a checkout of its own after `npm ci` and a build, with `stele` on the PATH. */
export interface Desk extends AsyncDisposable {
  /** The checkout. */
  readonly folder: string;
  /** Where the fences lie while they are run. */
  readonly fences: string;
  readonly env: Readonly<Record<string, string>>;
}

/** @param dist a build; `address` is where the server listens and is asked, host and port */
export async function setDesk(dist: string, address: string): Promise<Desk> {
  const root = await mkdtemp(join(tmpdir(), 'stele-page-'));
  const inRoot = (name: string): string => join(root, name);
  const [folder, fences, bin] = [inRoot('stele'), inRoot('fences'), inRoot('bin')];
  for (const path of [folder, fences, bin]) await mkdir(path);
  await writeCommands(bin, await makeCheckout(folder, dist));
  const env = {
    ...given(/^(?:HOME|TMPDIR|GO[A-Z]*)$/),
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    GOTOOLCHAIN: 'local',
    STELE_LISTEN: address,
    STELE_SERVER: `http://${address}`,
    npm_config_cache: inRoot('npm'),
    npm_config_update_notifier: 'false',
  };
  return { folder, fences, env, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/** What readers have set before they come to a page. */
function given(name: RegExp): Record<string, string> {
  const pairs = Object.entries(process.env).filter(([key]) => name.test(key));
  return Object.fromEntries(pairs.map(([key, value = '']) => [key, value]));
}

/** Gives the path of its program. */
async function makeCheckout(folder: string, dist: string): Promise<string> {
  for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await cp(dist, join(folder, 'dist'), { recursive: true });
  const main = join(folder, 'dist', 'cli', 'main.js');
  // Newer than any source, so that npm start does not build again.
  await utimes(main, 4e9, 4e9);
  // As npm run build does.
  await chmod(main, 0o755);
  return main;
}

/** `npx stele` and `npm start` as npm would do them, which takes a second each time; tests of their own ask npm. */
async function writeCommands(bin: string, main: string): Promise<void> {
  const stele = `exec "${process.execPath}" "${main}" "$@"`;
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const commands = {
    stele,
    npx: `[ "$1" = stele ] || { echo "npx $1 is not of this checkout"; exit 1; }\nshift\n${stele}`,
    npm: `[ "$*" = start ] || { echo "no page runs npm $*"; exit 1; }\n${scripts.start}`,
  };
  for (const [name, script] of Object.entries(commands))
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Addresses of 127.0.0.1 as a page names them, each with a free one in its place. */
export class FreeAddresses {
  readonly #pairs: readonly (readonly [named: string, free: string])[];

  private constructor(pairs: readonly (readonly [string, string])[]) {
    this.#pairs = pairs;
  }

  /** Those of a page, and the default 127.0.0.1:8080. */
  static async of(page: string): Promise<FreeAddresses> {
    const named = new Set(['127.0.0.1:8080', ...(page.match(/127\.0\.0\.1:\d+/g) ?? [])]);
    const pairs: [string, string][] = [];
    for (const name of named) pairs.push([name, `127.0.0.1:${await freePort()}`]);
    return new FreeAddresses(pairs);
  }

  toFree(text: string): string {
    return this.#pairs.reduce((changed, [named, free]) => changed.replaceAll(named, free), text);
  }

  toNamed(text: string): string {
    return this.#pairs.reduce((changed, [named, free]) => changed.replaceAll(free, named), text);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (typeof address !== 'object' || address === null) throw new TypeError('a port has an address');
  return address.port;
}
