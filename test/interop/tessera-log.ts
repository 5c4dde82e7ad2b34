import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import type { GoTool } from './go-tool.ts';

/** A log on files, in Go, that asks the witnesses of a policy before it publishes. */
export const POSIX_LOG = 'github.com/transparency-dev/tessera/cmd/examples/posix-oneshot';
/** The program, built. */
export const MAIN = 'dist/cli/main.js';

/** Adds entries with the Go log, which ends once its checkpoint with them is published. */
export async function addEntries(
  tool: GoTool,
  { log, key, policy }: { readonly log: string; readonly key: string; readonly policy?: string },
  { count, batch }: { readonly count: number; readonly batch: string },
): Promise<void> {
  const folder = join(tool.folder, batch);
  await mkdir(folder);
  for (let i = 0; i < count; i += 1) await writeFile(join(folder, `${i}`), `${batch} ${i}`);
  const where = ['--storage_dir', log, '--private_key', key, '--entries', join(folder, '*')];
  const asked = policy === undefined ? [] : ['--witness_policy_file', policy];
  const { exitCode, stderr } = await tool.run([...where, ...asked]);
  expect(exitCode, stderr).toBe(0);
}

/** Serves what a listener answers, until the test is over; its address. */
export async function served(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers with a file of the first of these folders that has it. */
export function filesOf(...folders: readonly string[]): RequestListener {
  return async (request, response) => {
    const path = normalize(request.url ?? '');
    for (const folder of folders) {
      const bytes = await readFile(join(folder, path)).catch(() => undefined);
      if (bytes !== undefined) return void response.end(bytes);
    }
    response.writeHead(404).end();
  };
}

/** What one look of a monitor came to. */
export interface Looked {
  readonly code: number;
  readonly treeSize: number;
  readonly forked: boolean;
  readonly kinds: readonly string[];
}

/** A monitor in this folder, with this file. */
export async function newMonitor(folder: string, yaml: string): Promise<{ look(): Promise<Looked> }> {
  const where = ['--json', '--data', folder];
  const stele = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [MAIN, 'monitor', ...args, ...where]);
  await stele('init');
  await writeFile(join(folder, 'monitor.yaml'), yaml);
  const look = async (): Promise<Looked> => {
    const { code, stdout } = await stele('--once').then(
      (ran) => ({ code: 0, ...ran }),
      (error: { code: number; stdout: string }) => error,
    );
    const [{ treeSize, forked, observations }] = JSON.parse(stdout).logs;
    return { code, treeSize, forked, kinds: observations.map(({ kind }: { kind: string }) => kind) };
  };
  return { look };
}
