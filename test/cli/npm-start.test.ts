import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A checkout as a clone and `npm ci` leave it: no dist/, no data. */
async function checkout(): Promise<string> {
  const folder = join(await tempFolder(), 'stele');
  await mkdir(folder);
  for (const name of ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
    await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface Started {
  readonly url: string;
  readonly vkey: string;
  readonly token: string | undefined;
  readonly text: string;
  /** The commands it printed, as they stand. */
  readonly commands: readonly string[];
  stop(): Promise<number | null>;
  /** SIGTERM to npm alone, as a supervisor does. */
  terminate(): Promise<number | null>;
}

async function npmStart(cwd: string, listen: string): Promise<Started> {
  const args = ['start', '--silent', '--', '--listen', listen];
  const child = spawn('npm', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  onTestFinished(() => endGroup(child, 'SIGKILL'));
  const text = await untilPrinted(child, 'npx stele get');
  return {
    url: /^Stele serves (\S+)$/m.exec(text)?.[1] ?? '',
    vkey: /^ {2}vkey {4}(\S+)$/m.exec(text)?.[1] ?? '',
    token: /^ {2}token {3}(stele_\S+) /m.exec(text)?.[1],
    text,
    commands: [...text.matchAll(/^ {2}((?:npx|echo) .+)$/gm)].map((match) => match[1] ?? ''),
    stop: async () => {
      const closed = once(child, 'close');
      endGroup(child, 'SIGTERM');
      return (await closed)[0];
    },
    terminate: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      return (await ended)[0];
    },
  };
}

/** To npm and all below it, as Ctrl-C in a terminal does. */
function endGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
}

async function untilPrinted(child: ChildProcess, last: string): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    const at = text.indexOf(last);
    if (at >= 0 && text.indexOf('\n', at) >= 0) return text;
  }
  throw new Error(`npm start ended: ${text}`);
}

async function typed(command: string, cwd: string, path = process.env['PATH']): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command], {
    cwd,
    env: { ...process.env, PATH: path },
  });
  return stdout;
}

/** A PATH with an `npx` that does at once what the real one takes a second to find out: runs the command of the checkout. */
async function quickPath(cwd: string): Promise<string> {
  const bin = await tempFolder();
  const main = join(cwd, 'dist', 'cli', 'main.js');
  const script = `#!/bin/sh\n[ "$1" = stele ] || exit 1\nshift\nexec "${process.execPath}" "${main}" "$@"\n`;
  await writeFile(join(bin, 'npx'), script, { mode: 0o755 });
  return `${bin}:${process.env['PATH']}`;
}

test('CLI-40 npm start on a fresh checkout, and again: what it prints works as it stands', async () => {
  const cwd = await checkout();
  const first = await npmStart(cwd, '127.0.0.1:0');
  expect(first.commands).toHaveLength(5);
  const [event = '', check = '', append = '', verify = '', get = ''] = first.commands;
  expect(await typed(event, cwd)).toBe('0\t-\n');
  expect(await typed(check, cwd)).toMatch(/audit: entry 0 of 1\n.*inclusion +verified/s);
  expect(await typed(append, cwd)).toBe('0\tpackage.json\n');
  expect(await typed(verify, cwd)).toMatch(/inclusion +verified\n +entry +verified/);
  expect(await typed(get, cwd)).toBe(await readFile(join(cwd, 'package.json'), 'utf8'));
  expect(first.token).toBeDefined();
  await first.stop();

  // npx itself has had its turn.
  const path = await quickPath(cwd);
  const second = await npmStart(cwd, new URL(first.url).host);
  expect([second.url, second.vkey, second.token]).toEqual([first.url, first.vkey, undefined]);
  expect(second.text).toContain('Make a new token with: npx stele token create\n');
  expect(second.text).not.toContain(first.token);
  for (const command of second.commands) await typed(command, cwd, path);
  await second.terminate();
  // It would find the data in use if a server had been left behind.
  expect(await typed('npx stele fsck', cwd, path)).toBe('');

  // A directory of before there were events.
  for (const folder of ['data/logs', 'data.guard']) await rm(join(cwd, folder, 'audit'), { recursive: true });
  const older = await npmStart(cwd, '127.0.0.1:0');
  const [, create = ''] =
    /^No log here takes audit events yet\. Stop the server, then: (.+)$/m.exec(older.text) ?? [];
  const running = { code: 1, stderr: expect.stringContaining('data_locked') };
  await expect(typed(create, cwd, path)).rejects.toMatchObject(running);
  await older.stop();
  expect(await typed(create, cwd, path)).toContain('audit');
  expect(await typed('npx stele fsck --log audit', cwd, path)).toBe('');
}, 240_000);
