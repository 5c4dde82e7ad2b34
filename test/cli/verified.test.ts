import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/http/server.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { newServer } from '../http/new-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type Ran, run } from './run-cli.ts';

interface Served {
  readonly folder: string;
  readonly vkey: string;
  readonly size: () => number;
  call(args: readonly string[], stdin?: string): Promise<Ran>;
}

/** A real server on a log of the entries `a` and `b`, and a command line that reaches it. */
async function served(): Promise<Served> {
  const { app, log, authorization, post } = await newServer();
  for (const entry of ['a', 'b']) await post('entries', entry);
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const env = {
    STELE_SERVER: `http://127.0.0.1:${server.port}`,
    STELE_TOKEN: authorization.replace('Bearer ', ''),
  };
  const call: Served['call'] = (args, stdin = '') => run(args, { env, stdin: Buffer.from(stdin) });
  return { folder: await tempFolder(), vkey: log.vkeys[0] ?? '', size: () => log.head.size, call };
}

describe('CLI-34 with a key or a policy, what is printed has been verified', () => {
  test('get, checkpoint and prove print what they print without', async () => {
    const { vkey, call } = await served();
    for (const args of [
      ['get', '1'],
      ['checkpoint'],
      ['prove', '1'],
      ['prove', '0', '--json'],
      ['get', '0', '--json'],
    ]) {
      const raw = await call(args);
      expect(raw.exitCode).toBe(0);
      const checked = await call([...args, '--vkey', vkey]);
      const shown = ({ stdout }: Ran): unknown => (args.includes('--json') ? JSON.parse(stdout) : stdout);
      expect([checked.exitCode, checked.stderr, shown(checked)], args.join(' ')).toEqual([0, '', shown(raw)]);
    }
  });

  test('append keeps a receipt that verify takes; lines keep their numbers', async () => {
    const { folder, vkey, call, size } = await served();
    const file = join(folder, 'entry');
    const receipt = join(folder, 'receipt');
    await writeFile(file, 'c');
    const one = await call(['append', file, '--vkey', vkey, '--receipt', receipt]);
    expect([one.exitCode, one.stdout]).toEqual([0, `2\t${file}\n`]);
    expect(JSON.parse(await readFile(receipt, 'utf8'))).toMatchObject({ index: 2, treeSize: 3 });
    expect((await run(['verify', receipt, '--vkey', vkey, '--entry', file])).exitCode).toBe(0);
    const lines = await call(['append', '-', '--lines', '--vkey', vkey], 'x\ny\n');
    expect(lines.stdout).toBe('3\t1\n4\t2\n');
    const again = await call(['append', '-', '--lines', '--vkey', vkey, '--json'], 'x\ny\n');
    expect(JSON.parse(again.stdout)).toMatchObject({ indexes: [3, 4], new: [false, false], treeSize: 5 });
    expect(size()).toBe(5);
  });

  test('another key refuses, and nothing is printed', async () => {
    const { call } = await served();
    const { vkey } = generateSigningKey(systemRandom, 'log.example/main');
    for (const args of [['get', '1'], ['checkpoint'], ['prove', '1'], ['append', '-']]) {
      const ran = await call([...args, '--vkey', vkey, '--json']);
      expect([ran.exitCode, ran.stdout, JSON.parse(ran.stderr).error.code]).toEqual([
        1,
        '',
        'unverified_note',
      ]);
    }
  });

  test('a policy is enough when it has one log', async () => {
    const { folder, vkey, call } = await served();
    const policy = join(folder, 'policy');
    const other = generateSigningKey(systemRandom, 'other.example').vkey;
    await writeFile(policy, `log ${vkey}\nquorum none\n`);
    expect((await call(['get', '0', '--policy', policy])).stdout).toBe('a');
    await writeFile(policy, `log ${vkey}\nlog ${other}\nquorum none\n`);
    expect((await call(['get', '0', '--policy', policy])).exitCode).toBe(2);
    expect((await call(['get', '0', '--policy', policy, '--vkey', vkey])).stdout).toBe('a');
  });
});
