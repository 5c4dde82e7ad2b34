import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/http/server.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { newServer } from '../http/new-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type Ran, run } from './run-cli.ts';

interface Served {
  readonly folder: string;
  readonly vkey: string;
  prove(...args: string[]): Promise<Ran>;
}

/** Three entries `a`, `b`, `c` in a real log behind a real server, and `a` and `b` as files. */
async function served(): Promise<Served> {
  const { app, log, post } = await newServer();
  for (const entry of ['a', 'b', 'c']) await post('entries', entry);
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const folder = await tempFolder();
  for (const entry of ['a', 'b']) await writeFile(join(folder, entry), entry);
  const env = { STELE_SERVER: `http://127.0.0.1:${server.port}` };
  return { folder, vkey: log.vkeys[0] ?? '', prove: (...args) => run(['prove', ...args], { env }) };
}

const leafHash = (entry: string): string =>
  Buffer.from(nodeHasher.leafHash(Buffer.from(entry))).toString('hex');
const codeOf = ({ exitCode, stderr }: Ran): unknown[] => [exitCode, JSON.parse(stderr).error.code];

describe('CLI-32 prove', () => {
  test('the text is a .tlog-proof that verify accepts for its entry and no other', async () => {
    const { folder, vkey, prove } = await served();
    const file = join(folder, 'p');
    expect(await prove('1', '--out', file)).toMatchObject({ exitCode: 0, stdout: '' });
    const kept = await readFile(file, 'utf8');
    expect(kept).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 1\n/);
    expect((await prove('--leaf-hash', leafHash('b'))).stdout).toBe(kept);
    const verify = (...args: string[]) => run(['verify', file, '--vkey', vkey, '--json', ...args]);
    const verified = await verify('--entry', join(folder, 'b'));
    expect(JSON.parse(verified.stdout)).toMatchObject({ index: 1, treeSize: 3, entry: 'verified' });
    expect(codeOf(await verify('--entry', join(folder, 'a')))).toEqual([1, 'proof_mismatch']);
    expect(codeOf(await verify())).toEqual([2, 'usage']);
  });

  test('--json gives the JSON of the server, which verify takes as a receipt', async () => {
    const { folder, vkey, prove } = await served();
    const file = join(folder, 'p');
    const printed = await prove('2', '--json');
    expect(JSON.parse(printed.stdout)).toMatchObject({ index: 2, treeSize: 3 });
    expect(JSON.parse((await prove('2', '--json', '--out', file)).stdout)).toEqual({ index: 2, file });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(JSON.parse(printed.stdout));
    const verified = await run(['verify', file, '--vkey', vkey]);
    expect(verified.stdout).toContain('entry      not checked');
  });

  test('PROOF-1 a receipt with a member twice is none, whichever of the two would hold', async () => {
    const { folder, vkey, prove } = await served();
    const { stdout } = await prove('2', '--json');
    const file = join(folder, 'p');
    for (const twice of [
      stdout.replace('{', '{"index":0,'),
      stdout.replace('"index":2', '"index":2,"index":2'),
    ]) {
      await writeFile(file, twice);
      expect(codeOf(await run(['verify', file, '--vkey', vkey, '--json']))).toEqual([1, 'malformed_proof']);
    }
  });

  test('what the server refuses keeps its code', async () => {
    const { prove } = await served();
    expect(codeOf(await prove('3', '--json'))).toEqual([1, 'beyond_log_head']);
    expect(codeOf(await prove('--leaf-hash', leafHash('z'), '--json'))).toEqual([1, 'unknown_leaf_hash']);
  });

  test.each([
    [[], 'neither'],
    [['0', '--leaf-hash', '0'.repeat(64)], 'both'],
    [['--leaf-hash', 'AB'], 'no hash'],
    [['-1'], 'no index'],
  ])('%j is a wrong command line: %s', async (args) => {
    expect((await run(['prove', ...args])).exitCode).toBe(2);
  });
});

interface Vectors {
  readonly policy_all: string;
  readonly policy_any: string;
  readonly cases: { name: string; leaf_data: string; proof: string }[];
}

describe('CLI-33 verify with a policy', () => {
  const vectors: Vectors = JSON.parse(readFileSync('spec/vectors/tlogproof.json', 'utf8'));
  const logKey = /^log (\S+)/m.exec(vectors.policy_all)?.[1] ?? '';

  async function verify(name: string, policy: string, ...args: string[]): Promise<Ran> {
    const folder = await tempFolder();
    const row = vectors.cases.find((one) => one.name === name);
    await writeFile(join(folder, 'proof'), row?.proof ?? '');
    await writeFile(join(folder, 'entry'), row?.leaf_data ?? '');
    await writeFile(join(folder, 'policy'), policy);
    const files = ['--policy', join(folder, 'policy'), '--entry', join(folder, 'entry')];
    return run(['verify', join(folder, 'proof'), ...files, '--json', ...args]);
  }

  test('one cosignature satisfies "any" and not "all"', async () => {
    const any = JSON.parse((await verify('one cosignature only', vectors.policy_any)).stdout);
    expect(any).toMatchObject({ witnesses: 'verified', format: 'tlog-proof' });
    expect(any.cosigned).toHaveLength(1);
    expect(any.freshness).toMatch(/^\d{4}-.*Z$/);
    expect(codeOf(await verify('one cosignature only', vectors.policy_all))).toEqual([1, 'policy_not_met']);
  });

  test('--vkey beside a policy must be a log key of it', async () => {
    const { policy_any: policy } = vectors;
    expect((await verify('one cosignature only', policy, '--vkey', logKey)).exitCode).toBe(0);
    const strict = await verify('one cosignature only', vectors.policy_all, '--vkey', logKey);
    expect(codeOf(strict)).toEqual([1, 'policy_not_met']);
    const made = await run(['keygen', 'other.example', '--out', join(await tempFolder(), 'k'), '--json']);
    const { vkey } = JSON.parse(made.stdout);
    expect(codeOf(await verify('one cosignature only', policy, '--vkey', vkey))).toEqual([2, 'usage']);
  });

  test('a policy that is none is refused, and so is nobody to trust', async () => {
    const broken = vectors.policy_any.trimEnd();
    expect(codeOf(await verify('one cosignature only', broken))).toEqual([1, 'malformed_policy']);
    expect((await run(['verify', 'file'])).exitCode).toBe(2);
  });
});
