import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/runtime/clock.ts';
import { type DataDirectory, logPaths } from '../../src/sequencer/data-directory.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { readFileGuard } from '../../src/store/file-guard.ts';
import { compiledCli, type Serving } from '../support/cli-process.ts';
import { isRunning, startServerProcess } from '../support/server-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { readCosigned } from '../support/witness-desk.ts';
import { made, run } from './run-cli.ts';

const cli = compiledCli();

interface Desk {
  readonly folder: string;
  readonly data: readonly string[];
  readonly token: string;
  readonly logVkey: string;
  readonly vkey: string;
  /** Of the witness's folders. */
  readonly where: readonly string[];
}

/** A log and a witness that follows it. */
async function newDesk(): Promise<Desk> {
  const folder = await tempFolder();
  const inFolder = (name: string): string => join(folder, name);
  const data = ['--data', inFolder('data'), '--guard', inFolder('data.guard')];
  const { token, logs } = await made(['init', '--origin', 'log.example', ...data]);
  const where = ['--data', inFolder('w'), '--guard', inFolder('w.guard')];
  const { vkey } = await made(['witness', 'init', 'w.example/w', ...where]);
  const logVkey = logs[0]?.vkey ?? '';
  await made(['witness', 'add-log', logVkey, ...where]);
  return { folder, data, token, logVkey, vkey, where };
}

async function runWitness({ where }: Desk): Promise<string> {
  const args = [cli.main, 'witness', '--json', '--listen', '127.0.0.1:0', ...where];
  const started = await startServerProcess({ args });
  if (!isRunning(started)) throw new Error(started.said);
  onTestFinished(() => started.kill('SIGKILL'));
  return started.url;
}

async function policyOf({ folder, vkey }: Desk, url: string): Promise<string> {
  const file = join(folder, 'policy');
  await writeFile(file, `witness w ${vkey} ${url}\nquorum w\n`);
  return file;
}

const append = async ({ url }: Serving, { token }: Desk, entry: string): Promise<void> => {
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/logs/main/add`, { method: 'POST', headers, body: entry });
  expect(answer.status).toBe(200);
};

/** Asks until it is so; the deadline is the test's. */
async function checkpointOf({ url }: Serving, isSo: (note: string) => boolean): Promise<string> {
  for (;;) {
    const note = await (await fetch(`${url}/logs/main/checkpoint`)).text();
    if (isSo(note)) return note;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const sized = (size: number) => (note: string) => note.split('\n')[1] === `${size}`;

/** A commit as a crash leaves it that comes before the guard: the guard is put back to what it was. */
async function leaveUnsigned(dir: DataDirectory): Promise<void> {
  const { guard } = logPaths(dir, 'main');
  await cp(guard, `${guard}.before`, { recursive: true });
  const log = await openLog({ dir, clock: systemClock }, 'main');
  await log.append({ entries: [new TextEncoder().encode('rival')] });
  await log.close();
  await rm(guard, { recursive: true });
  await rename(`${guard}.before`, guard);
}

/** The published note as it lies on the disk. */
async function lastNote({ folder }: Desk): Promise<string> {
  const text = await readFile(join(folder, 'data', 'logs', 'main', 'published.json'), 'utf8');
  return JSON.parse(text).published;
}

/** Appends a second entry and upgrades its receipt. */
async function upgraded(desk: Desk, server: Serving): Promise<void> {
  const inFolder = (name: string): string => join(desk.folder, name);
  await writeFile(inFolder('entry'), 'two');
  const trust = inFolder('trust');
  await writeFile(trust, `log ${desk.logVkey}\n${await readFile(inFolder('policy'), 'utf8')}`);
  const env = { STELE_SERVER: server.url, STELE_TOKEN: desk.token };
  const append = ['append', inFolder('entry'), '--receipt', inFolder('receipt')];
  expect((await run(append, { env })).exitCode).toBe(0);
  await checkpointOf(server, sized(2));
  const untrusted = await run(['upgrade-receipt', inFolder('receipt')], { env });
  expect([untrusted.exitCode, untrusted.stdout]).toEqual([2, '']);
  const upgrade = ['upgrade-receipt', inFolder('receipt'), '--policy', trust];
  const printed = await run(upgrade, { env });
  expect([printed.exitCode, printed.stdout]).toEqual([0, expect.stringContaining('\u2014 w.example/w ')]);
  await run([...upgrade, '--out', inFolder('proof')], { env });
  const verify = ['verify', inFolder('proof'), '--policy', trust, '--entry', inFolder('entry')];
  const verified = await run(verify);
  expect([verified.exitCode, verified.stdout]).toEqual([0, expect.stringContaining('entry 1 of 2')]);
  const json = await run([...upgrade, '--json'], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({ index: 1, treeSize: 2 });
  const waited = await run([...append, '--ack', 'witnessed', '--policy', trust], { env });
  expect([waited.exitCode, waited.stderr]).toEqual([
    0,
    expect.stringContaining('the quorum of the policy has'),
  ]);
  expect(await readFile(inFolder('receipt'), 'utf8')).toContain('\u2014 w.example/w ');
  await writeFile(inFolder('nothing'), 'hello');
  const bad = await run(['upgrade-receipt', inFolder('nothing'), '--policy', trust], { env });
  expect([bad.exitCode, bad.stderr]).toEqual([1, expect.stringContaining('malformed_proof')]);
}

describe('WITNESSED-8 CLI-35 serve --policy', () => {
  test('publishes what a real witness has cosigned; a restart without it keeps that; export-tiles writes it', async () => {
    const desk = await newDesk();
    const policy = await policyOf(desk, await runWitness(desk));
    const server = await cli.serve([...desk.data, '--policy', policy]);
    await append(server, desk, 'one');
    const note = await checkpointOf(server, sized(1));
    expect((await readCosigned(note, desk.vkey)).size).toBe(1);
    expect(await server.stop()).toBe(0);

    await policyOf(desk, 'http://127.0.0.1:1');
    const last = await lastNote(desk);
    const alone = await cli.serve([...desk.data, '--policy', policy]);
    expect(alone.stderr()).toContain('witnessing had to wait');
    expect((await fetch(`${alone.url}/readyz`)).status).toBe(200);
    await append(alone, desk, 'two');
    expect(await checkpointOf(alone, () => true)).toBe(last);
    expect(await alone.stop()).toBe(0);

    const tiles = join(desk.folder, 'tiles');
    const exported = await run(['export-tiles', tiles, ...desk.data]);
    expect(exported.exitCode, exported.stderr).toBe(0);
    expect(await readFile(join(tiles, 'checkpoint'), 'utf8')).toBe(last);

    // Without a policy the log head is published, and stays so with one.
    const free = await cli.serve(desk.data);
    expect(await checkpointOf(free, () => true)).toMatch(/^log.example\/main\n2\n/);
    expect(await free.stop()).toBe(0);
    const bound = await cli.serve([...desk.data, '--policy', policy]);
    expect(await checkpointOf(bound, () => true)).toMatch(/^log.example\/main\n2\n/);
    expect(await bound.stop()).toBe(0);
  });

  test('CLI-41 who waits for witnesses has an answer when the server stops', async () => {
    const desk = await newDesk();
    const server = await cli.serve([...desk.data, '--policy', await policyOf(desk, 'http://127.0.0.1:1')]);
    const headers = { Authorization: `Bearer ${desk.token}`, 'Content-Type': 'application/octet-stream' };
    const log = `${server.url}/logs/main`;
    const asked = fetch(`${log}/entries?ack=witnessed`, { method: 'POST', headers, body: 'one' });
    let size = 0;
    while (size === 0) size = (await (await fetch(`${log}/log`)).json()).treeSize;
    expect(await server.stop()).toBe(0);
    const answer = await asked;
    expect([answer.status, await answer.json()]).toMatchObject([202, { index: 0, witnessed: false }]);
  });

  test('CLI-35 a receipt becomes a .tlog-proof that a policy accepts', async () => {
    const desk = await newDesk();
    const policy = await policyOf(desk, await runWitness(desk));
    const server = await cli.serve([...desk.data, '--policy', policy]);
    await append(server, desk, 'one');
    await upgraded(desk, server);
    expect(await server.stop()).toBe(0);
  });

  test('WITNESSED-3 what was published stays published over kill -9', async () => {
    const desk = await newDesk();
    const policy = await policyOf(desk, await runWitness(desk));
    let seen = 0;
    for (let round = 0; round < 3; round += 1) {
      const server = await cli.serve([...desk.data, '--policy', policy]);
      const first = await checkpointOf(server, () => true);
      expect(Number(first.split('\n')[1])).toBeGreaterThanOrEqual(seen);
      for (let i = 0; i < 5; i += 1) await append(server, desk, `entry ${round}/${i}`);
      const grown = await checkpointOf(server, (note) => Number(note.split('\n')[1]) > seen);
      seen = Number(grown.split('\n')[1]);
      await server.stop('SIGKILL');
    }
  });

  test('the config file names a policy for each log, with its mode', async () => {
    const desk = await newDesk();
    const policy = await policyOf(desk, 'http://127.0.0.1:1');
    const witnessing = { main: { policy, mode: 'prefer', maxWitnessLagSeconds: 0.2 } };
    await writeFile(join(desk.folder, 'data', 'config.yaml'), JSON.stringify({ witnessing }));
    const server = await cli.serve(desk.data);
    await append(server, desk, 'one');
    await checkpointOf(server, sized(1));
    const { witnessing: shown } = await (await fetch(`${server.url}/logs/main/log`)).json();
    expect(shown).toMatchObject({ mode: 'prefer', witnesses: [{ name: 'w', lagEntries: 1 }] });
    expect(await server.stop()).toBe(0);
  });

  test('NOTE-9 a witness with a key of ML-DSA-44 is a warning, and a quorum that needs it is refused', async () => {
    const desk = await newDesk();
    const { vkey: pqKey } = JSON.parse(await readFile('spec/vectors/notes.json', 'utf8')).ml_dsa_44;
    const file = await policyOf(desk, await runWitness(desk));
    const own = (await readFile(file, 'utf8')).replace('quorum w', `witness pq ${pqKey} http://127.0.0.1:1`);
    await writeFile(file, `${own}group g any w pq\nquorum g\n`);
    const server = await cli.serve([...desk.data, '--policy', file]);
    expect(server.stderr()).toMatch(/"witnesses":\["pq"\].*ML-DSA-44 keys are not verified here/);
    await append(server, desk, 'one');
    expect((await readCosigned(await checkpointOf(server, sized(1)), desk.vkey)).size).toBe(1);
    expect(await server.stop()).toBe(0);
    await writeFile(file, `${own}group g all w pq\nquorum g\n`);
    const args = ['serve', ...desk.data, '--policy', file, '--listen', '127.0.0.1:0'];
    const ended = await cli.stele(args);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('keys of ML-DSA-44 (pq)')]);
  });

  test('two quorums apart are a warning', async () => {
    const desk = await newDesk();
    const folder = await tempFolder();
    const file = join(desk.folder, 'policy');
    const url = 'http://127.0.0.1:1';
    const { vkey: otherVkey } = await made(['witness', 'init', 'x.example/w', '--data', join(folder, 'x')]);
    await writeFile(
      file,
      `witness a ${desk.vkey} ${url}\nwitness b ${otherVkey} ${url}\ngroup g any a b\nquorum g\n`,
    );
    const server = await cli.serve([...desk.data, '--policy', file]);
    expect(server.stderr()).toMatch(/"one":\["a"\],"other":\["b"\].*no witness in common/);
    expect(await server.stop()).toBe(0);
  });

  test.each<[string, string, (desk: Desk) => Promise<readonly string[]>]>([
    [
      'a policy that is none',
      'malformed_policy',
      async (desk) => {
        await writeFile(join(desk.folder, 'policy'), 'hello\n');
        return ['--policy', join(desk.folder, 'policy')];
      },
    ],
    ['a file that is not there', 'invalid_config', async () => ['--policy', '/nowhere/policy']],
    [
      'a policy of a log that is not there',
      'invalid_config',
      async (desk) => {
        const config = join(desk.folder, 'config.yaml');
        await writeFile(config, JSON.stringify({ witnessing: { other: { policy: 'p' } } }));
        return ['--config', config];
      },
    ],
    [
      'two policies of one log',
      'invalid_config',
      async (desk) => {
        const config = join(desk.folder, 'config.yaml');
        await writeFile(config, JSON.stringify({ policy: 'p', witnessing: { main: { policy: 'p' } } }));
        return ['--config', config];
      },
    ],
    [
      'an interval of a witness that the policy has not',
      'invalid_config',
      async (desk) => {
        const config = join(desk.folder, 'config.yaml');
        const policy = await policyOf(desk, 'http://127.0.0.1:1');
        const main = { policy, intervalSecondsOf: { x: 5 } };
        await writeFile(config, JSON.stringify({ witnessing: { main } }));
        return ['--config', config];
      },
    ],
    [
      'a mode that is none',
      'invalid_config',
      async (desk) => {
        const config = join(desk.folder, 'config.yaml');
        await writeFile(config, JSON.stringify({ witnessing: { main: { policy: 'p', mode: 'maybe' } } }));
        return ['--config', config];
      },
    ],
  ])('a start is refused: %s', async (_, code, prepare) => {
    const desk = await newDesk();
    const ended = await run(['serve', ...desk.data, ...(await prepare(desk)), '--listen', '127.0.0.1:0']);
    expect([ended.exitCode, ended.stderr]).toEqual([1, expect.stringContaining(code)]);
  });

  test.each([
    ['', false],
    [', and with a commit that was never signed: it is not signed before the witness is asked', true],
  ])('WITNESSED-6 a log restored with its guard from an old copy is refused by what the witness holds%s', async (_, hasTail) => {
    const desk = await newDesk();
    const [, data = '', , guard = ''] = desk.data;
    await cp(data, `${data}.old`, { recursive: true, preserveTimestamps: true });
    await cp(guard, `${guard}.old`, { recursive: true, preserveTimestamps: true });
    const policy = await policyOf(desk, await runWitness(desk));
    const server = await cli.serve([...desk.data, '--policy', policy]);
    await append(server, desk, 'one');
    await checkpointOf(server, sized(1));
    expect(await server.stop()).toBe(0);
    if (hasTail) await leaveUnsigned({ dataPath: `${data}.old`, guardPath: `${guard}.old` });
    const old = ['--data', `${data}.old`, '--guard', `${guard}.old`];
    const alerts = join(desk.folder, 'alerts.yaml');
    const slow = join(desk.folder, 'taken');
    const command = JSON.stringify(['/bin/sh', '-c', `sleep 0.5; cat > ${slow}`]);
    await writeFile(
      alerts,
      `sinks: [{ name: console, type: stdout }, { name: slow, type: command, command: ${command} }]\n`,
    );
    const args = ['serve', ...old, '--policy', policy, '--alerts', alerts, '--listen', '127.0.0.1:0'];
    const ended = await cli.stele(args);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('witness_ahead')]);
    expect(ended.stderr).toContain('holds size 1');
    const { alert: told } = JSON.parse(ended.text);
    expect(told).toMatchObject({ kind: 'refused', source: 'server', log: 'main', sizes: [0, 1] });
    expect(JSON.parse(await readFile(told.evidenceFile, 'utf8')).notes).toHaveLength(2);
    // A sink that takes its time has it, too: there may be no next process.
    expect(JSON.parse(await readFile(slow, 'utf8'))).toEqual(told);
    const dir = { dataPath: `${data}.old`, guardPath: `${guard}.old` };
    expect((await readFileGuard(logPaths(dir, 'main').guard)).size).toBe(0);
  });
});
