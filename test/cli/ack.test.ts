import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/http/server.ts';
import { TOKEN } from '../support/served-logs.ts';
import { settle, until } from '../support/step-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type WitnessedLog, witnessedLog } from '../support/witnessed-log.ts';
import { type Ran, run } from './run-cli.ts';

const EVENT =
  '{"action":"user.login","time":"2026-11-18T11:06:40Z","outcome":"success","actor":{"type":"user","id":"u-17"}}';
const COSIGNED = '\u2014 a.example/w ';

interface Served extends WitnessedLog {
  readonly file: string;
  readonly receipt: string;
  /** The policy in a file. */
  readonly trust: string;
  call(args: readonly string[], stdin?: string): Promise<Ran>;
}

/** A log that is witnessed behind a socket, a file to append, and a command line that reaches it. */
async function served(kind: 'entries' | 'events' = 'entries'): Promise<Served> {
  const log = await witnessedLog({ kind });
  const server = await startServer(log.app, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const env = { STELE_SERVER: `http://127.0.0.1:${server.port}`, STELE_TOKEN: TOKEN };
  const folder = await tempFolder();
  const [file, receipt, trust] = ['entry', 'receipt', 'policy'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(trust, log.policy);
  await writeFile(file, kind === 'events' ? EVENT : 'one');
  const call: Served['call'] = (args, stdin = '') => run(args, { env, stdin: Buffer.from(stdin) });
  return { ...log, file, receipt, trust, call };
}

const flagsOf = ({ trust, vkey }: Served, flag: string): string[] =>
  flag === '' ? [] : [flag, flag === '--vkey' ? vkey : trust];

describe.each(['entries', 'events'] as const)('CLI-36 append --ack witnessed, to a log of %s', (kind) => {
  test.each([
    ['--policy', 'the quorum of the policy has cosigned it.'],
    ['--vkey', 'nothing of that was checked. To check it: stele'],
    ['', 'nothing of that was checked. To check it: stele'],
  ])('with %j says what is known of witnesses: %s', async (flag, talk) => {
    const log = await served(kind);
    const { file, receipt, trust, call } = log;
    const append = ['append', '--ack', 'witnessed', ...flagsOf(log, flag)];
    const one = await log.after(call([...append, file, '--receipt', receipt]), 1, 1_000);
    expect([one.exitCode, one.stdout, one.stderr]).toEqual([
      0,
      `0\t${file}\n`,
      expect.stringContaining(`${file}: `),
    ]);
    expect(one.stderr).toContain(talk);
    expect(await readFile(receipt, 'utf8')).toContain(COSIGNED);
    expect((await call(['verify', receipt, '--policy', trust])).exitCode).toBe(0);
    const lines = kind === 'events' ? `${EVENT}\n${EVENT}\n` : 'x\ny\n';
    const many = await log.after(call([...append, '-', '--lines', '--json'], lines), 3, 1_000);
    expect([many.exitCode, many.stderr]).toEqual([0, expect.stringContaining(talk)]);
    expect(JSON.parse(many.stdout)).toMatchObject({ indexes: [1, 2], treeSize: 3 });
    expect(many.stdout).toContain(COSIGNED);
    expect(many.stdout).not.toContain('"witnessed"');
  });

  test.each([
    '--policy',
    '',
  ])('in vain, with %j: the receipt, and how its proof is had later', async (flag) => {
    const log = await served(kind);
    const { file, receipt, trust, call } = log;
    log.cutOff();
    const append = ['append', '--ack', 'witnessed', ...flagsOf(log, flag)];
    const one = await log.after(call([...append, file, '--receipt', receipt]), 1, 10_000);
    expect([one.exitCode, one.stdout]).toEqual([0, `0\t${file}\n`]);
    expect(one.stderr).toContain('had not cosigned it in time');
    expect(one.stderr).toContain(`stele upgrade-receipt ${receipt} --policy FILE`);
    const json = await log.after(call([...append, '-', '--json'], await readFile(file, 'utf8')), 2, 10_000);
    expect(JSON.parse(json.stdout)).toMatchObject({ index: 1, treeSize: 2, witnessed: false });
    expect(json.stderr).toContain('stele prove 1 --policy FILE');
    const lines = kind === 'events' ? `${EVENT}\n${EVENT}\n` : 'x\ny\n';
    const many = await log.after(call([...append, '-', '--lines', '--json'], lines), 4, 10_000);
    expect(JSON.parse(many.stdout)).toMatchObject({ indexes: [2, 3], witnessed: false });
    expect(many.stderr).toContain('stele prove 3 --policy FILE');
    await log.reconnect();
    const upgraded = await call(['upgrade-receipt', receipt, '--policy', trust]);
    expect([upgraded.exitCode, upgraded.stdout]).toEqual([0, expect.stringContaining(COSIGNED)]);
    const proven = await call(['prove', '3', '--policy', trust]);
    expect([proven.exitCode, proven.stdout]).toEqual([0, expect.stringContaining(COSIGNED)]);
  });

  test('without it nobody is waited for, and nothing is said of witnesses', async () => {
    const log = await served(kind);
    const { file, trust, call } = log;
    log.cutOff();
    const lines = kind === 'events' ? `${EVENT}\n` : 'x\n';
    for (const args of [[file], [file, '--ack', 'durable'], ['-', '--lines', '--policy', trust]]) {
      const ran = await call(['append', ...args], lines);
      expect([ran.exitCode, ran.stderr]).toEqual([0, expect.not.stringContaining('witness')]);
    }
  });
});

test('CLI-36 of many batches the last entry counts: what covers it covers all', async () => {
  const log = await served();
  const lines = Array.from({ length: 1_001 }, (_, i) => `line ${i}\n`).join('');
  log.cutOff();
  const ran = log.call(['append', '-', '--lines', '--ack', 'witnessed', '--policy', log.trust], lines);
  await log.after(Promise.resolve(), 1_000, 10_000);
  log.desk.lies.clear();
  await log.after(Promise.resolve(), 1_001, 5_000);
  // A head that waits to be cosigned is held for a while.
  await until(() => Number(log.witnessing.witnessedHead?.size) >= 1_000);
  await settle();
  log.desk.clock.pass(2_000);
  const { exitCode, stderr } = await ran;
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('has cosigned it.')]);
});

test('CLI-36 what to wait for is one of two words', async () => {
  const ran = await run(['append', '-', '--ack', 'soon']);
  expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringContaining('durable, witnessed')]);
});
