import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';

/** A log on files, in Go. */
const POSIX_LOG = 'github.com/transparency-dev/tessera/cmd/examples/posix-oneshot';
const MAIN = 'dist/cli/main.js';
const ORIGIN = 'tessera.example/log';

interface Looked {
  readonly code: number;
  readonly treeSize: number;
  readonly kinds: readonly string[];
}

describe.skipIf(goMissing() !== undefined)("MONITOR-1 MONITOR-2 Tessera's log on files, followed", () => {
  const key = generateSigningKey(systemRandom, ORIGIN);
  let tool: GoTool;
  let server: Server;

  const inFolder = (name: string): string => join(tool.folder, name);
  const inLog = (name: string): string => join(inFolder('log'), name);
  const stele = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [
      MAIN,
      'monitor',
      ...args,
      '--json',
      '--data',
      inFolder('monitor'),
    ]);

  beforeAll(async () => {
    tool = await buildGoTool(POSIX_LOG);
    await writeFile(inFolder('key'), key.skey, { mode: 0o600 });
    server = createServer(async (request, response) => {
      const bytes = await readFile(inLog(normalize(request.url ?? ''))).catch(() => undefined);
      response.writeHead(bytes === undefined ? 404 : 200);
      response.end(bytes);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    await stele('init');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await writeFile(
      join(inFolder('monitor'), 'monitor.yaml'),
      `logs: [{vkey: '${key.vkey}', url: '${url}'}]\n`,
    );
  });
  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await tool?.[Symbol.asyncDispose]();
  });

  async function add(count: number, batch: string): Promise<void> {
    const folder = inFolder(batch);
    await mkdir(folder);
    for (let i = 0; i < count; i += 1) await writeFile(join(folder, `${i}`), `${batch} ${i}`);
    const where = ['--storage_dir', inFolder('log'), '--private_key', inFolder('key')];
    const { exitCode, stderr } = await tool.run([...where, '--entries', join(folder, '*')]);
    expect(exitCode, stderr).toBe(0);
  }

  /** One look of the monitor at the log. */
  async function look(): Promise<Looked> {
    const { code, stdout } = await stele('--once').then(
      (ran) => ({ code: 0, ...ran }),
      (error: { code: number; stdout: string }) => error,
    );
    const [{ treeSize, observations }] = JSON.parse(stdout).logs;
    return { code, treeSize, kinds: observations.map(({ kind }: { kind: string }) => kind) };
  }

  test('grows through sizes 1, 5 and 305 without a word', async () => {
    for (const [count, size] of [
      [1, 1],
      [4, 5],
      [300, 305],
    ] as const) {
      await add(count, `batch-${size}`);
      expect(await look()).toEqual({ code: 0, treeSize: size, kinds: [] });
    }
  });

  test.each([
    ['an entry', 'tile/entries/001', 'bad_entry'],
    ['a tile', 'tile/0/001', 'bad_tile'],
  ])('%s that is edited on its disk is told', async (what, prefix, kind) => {
    await add(30, `more-${what.replaceAll(' ', '-')}`);
    const { treeSize } = await look().then(async (before) => {
      await add(20, `last-${what.replaceAll(' ', '-')}`);
      return before;
    });
    const file = inLog(`${prefix}.p/${treeSize + 20 - 256}`);
    const honest = await readFile(file);
    const edited = Buffer.from(honest);
    edited.writeUInt8((edited.at(-1) ?? 0) ^ 1, edited.length - 1);
    await writeFile(file, edited);
    expect(await look()).toEqual({ code: 1, treeSize, kinds: [kind] });
    await writeFile(file, honest);
    expect(await look()).toMatchObject({ code: 0, treeSize: treeSize + 20 });
  });
});
