import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Desk, FreeAddresses, ROOT, setDesk } from './desk.ts';
import { type Fence, fencesOf, isRun, isShown, markOf } from './fence.ts';
import { ServerTerminal, Shell } from './terminal.ts';

/** The Markdown pages of the project, from its root. */
export async function pages(): Promise<string[]> {
  const found = await readdir(ROOT, { recursive: true });
  return found
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.md') && !/(?:^|\/)(?:node_modules|dist|\.git)\//.test(path))
    .sort();
}

/**
 * Does what a page says: runs its `sh` fences in order, in one shell, in a fresh checkout.
 *
 * - `127.0.0.1:8080`, and any other port of 127.0.0.1, becomes a free one; the defaults of `stele` follow it.
 * - `serves` runs in a terminal of its own until the page ends or a fence is marked `stopped`; it is over once the
 *   server is ready.
 * - `exit=N` has to end with that code; all other fences end at the first command that fails.
 * - `VKEY='…'` and `STELE_TOKEN='…'` get what the server has printed behind `vkey` and `token`, as a reader pastes it.
 * - Any fence with `file=NAME` is saved under that name.
 * - A `text` fence next to it, with no heading between, is what has been printed: see isShown.
 *
 * @param dist a build
 * @throws Error naming the line of the first fence that did not do what the page says
 */
export async function runPage(path: string, dist: string): Promise<void> {
  const page = await readFile(join(ROOT, path), 'utf8');
  const addresses = await FreeAddresses.of(page);
  await using desk = await setDesk(dist, addresses.toFree('127.0.0.1:8080'));
  await using shell = new Shell({ cwd: desk.folder, env: desk.env });
  await using servers = new Servers();
  const fences = fencesOf(page);
  for (const [i, fence] of fences.entries()) {
    const next = fences[i + 1];
    const shown = next?.language === 'text' && next.follows ? next.code : undefined;
    try {
      await follow(fence, { desk, shell, servers, addresses, shown });
    } catch (cause) {
      throw new Error(`${path}:${fence.line}: ${(cause as Error).message}`, { cause });
    }
  }
}

interface Following {
  readonly desk: Desk;
  readonly shell: Shell;
  readonly servers: Servers;
  readonly addresses: FreeAddresses;
  readonly shown: string | undefined;
}

async function follow(fence: Fence, { desk, shell, servers, addresses, shown }: Following): Promise<void> {
  const code = addresses.toFree(fence.code);
  const name = markOf(fence, 'file');
  if (name !== undefined) await writeFile(join(desk.folder, name), code);
  if (!isRun(fence)) return;
  const file = join(desk.fences, `${fence.line}.sh`);
  await writeFile(file, servers.paste(code));
  if (fence.marks.includes('stopped')) await servers.stop();
  const isAsShown = (output: string): boolean =>
    shown === undefined || isShown(addresses.toNamed(output), shown);
  if (fence.marks.includes('serves')) {
    const server = servers.add(new ServerTerminal(file, { cwd: desk.folder, env: desk.env }));
    const listen = /--listen (\S+)/.exec(code)?.[1];
    const url = listen === undefined ? (desk.env['STELE_SERVER'] ?? '') : `http://${listen}`;
    return server.ready(url, (output) => output.includes(url) && isAsShown(output));
  }
  const output = await shell.run(file, Number(markOf(fence, 'exit') ?? 0));
  if (isAsShown(output)) return;
  throw new Error(`printed:\n${addresses.toNamed(output)}\nand not what the page shows:\n${shown}`);
}

/** The servers that a page has started in terminals of their own. */
class Servers implements AsyncDisposable {
  #running: ServerTerminal[] = [];

  add(server: ServerTerminal): ServerTerminal {
    this.#running.push(server);
    return server;
  }

  /** Fills in what a reader copies from the terminal of the server. */
  paste(code: string): string {
    const said = this.#running.map(({ output }) => output).join('\n');
    return code.replaceAll(/\b(?:STELE_)?(VKEY|TOKEN)='…'/g, (whole, name: string) => {
      const value = new RegExp(`^ *${name.toLowerCase()}\\s+(\\S+)`, 'm').exec(said)?.[1];
      return value === undefined ? whole : whole.replace('…', value);
    });
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = [];
    await Promise.all(running.map((server) => server.stop()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
