import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/http/server.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { bundleKey } from '../../src/store/rows.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { compiledCli } from '../support/cli-process.ts';
import { forkedLogs, type ServedLog, servedLog } from '../support/served-logs.ts';
import { isRunning, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { run } from './run-cli.ts';

const cli = compiledCli();
const ORIGIN = 'log.example/main';

/** Logs behind one address, one at a time. */
async function address(first: ServedLog): Promise<{ url: string; show: (log: ServedLog) => void }> {
  let shown = first;
  const front = new Hono();
  front.all('*', (c) => shown.app.fetch(c.req.raw));
  const server = await startServer(front, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return {
    url: `http://127.0.0.1:${server.port}/logs/main`,
    show: (log) => {
      shown = log;
    },
  };
}

interface Desk {
  readonly folder: string;
  readonly flags: readonly string[];
  once(): Promise<{ exitCode: number; log: Record<string, unknown> }>;
}

async function newMonitor(yaml: string, alerts = 'sinks: []'): Promise<Desk> {
  const folder = join(await tempFolder(), 'monitor');
  const where = ['--data', folder, '--guard', `${folder}.guard`];
  expect((await run(['monitor', 'init', ...where])).exitCode).toBe(0);
  await writeFile(join(folder, 'monitor.yaml'), yaml);
  await writeFile(join(folder, 'alerts.yaml'), alerts);
  const flags = [...where, '--alerts', join(folder, 'alerts.yaml')];
  return {
    folder,
    flags,
    once: async () => {
      const { exitCode, stdout } = await run(['monitor', '--once', '--json', ...flags]);
      return { exitCode, log: JSON.parse(stdout).logs[0] };
    },
  };
}

/** A web server that keeps the bodies it gets. */
async function webhook(): Promise<{ url: string; bodies: string[] }> {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    bodies.push(Buffer.concat(chunks).toString());
    response.end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, bodies };
}

async function serving(args: readonly string[]): Promise<ServerProcess> {
  const started = await startServerProcess({
    args: [cli.main, 'monitor', '--json', '--listen', '127.0.0.1:0', ...args],
  });
  if (!isRunning(started)) throw new Error(started.said);
  onTestFinished(async () => {
    started.kill('SIGKILL');
    await started.ended;
  });
  return started;
}

describe('MONITOR-9 stele monitor --once', () => {
  test('an honest log is 0; a fork is 1, with evidence that convicts and a webhook; no answer is 3', async () => {
    const [one, two] = (await forkedLogs(300, [['a'], ['b', 'c']])) as [ServedLog, ServedLog];
    const { url, show } = await address(one);
    const hook = await webhook();
    const desk = await newMonitor(
      `logs: [{vkey: '${one.vkey}', url: '${url}'}]`,
      `sinks: [{name: h, type: alertmanager, url: '${hook.url}'}]`,
    );
    expect(await desk.once()).toMatchObject({
      exitCode: 0,
      log: { origin: ORIGIN, treeSize: 301, forked: false },
    });
    expect(hook.bodies).toEqual([]);
    show(two);
    const forked = await desk.once();
    expect(forked).toMatchObject({ exitCode: 1, log: { treeSize: 301, forked: true } });
    expect(forked.log['observations']).toMatchObject([{ kind: 'fork', sizes: [301, 302] }]);
    const [file = ''] = await readdir(join(desk.folder, 'evidence'));
    const judged = await run(['verify', join(desk.folder, 'evidence', file), '--vkey', one.vkey, '--json']);
    expect(JSON.parse(judged.stdout)).toMatchObject({
      convicted: 'log',
      kind: 'not-a-prefix',
      origin: ORIGIN,
    });
    expect(JSON.parse(hook.bodies[0] ?? '')).toMatchObject([
      {
        labels: { alertname: 'stele_fork', log: ORIGIN },
        annotations: { evidence_file: expect.stringContaining(file) },
      },
    ]);
    await desk.once();
    expect(hook.bodies).toHaveLength(1);
    show({ app: new Hono() } as ServedLog);
    expect(await desk.once()).toMatchObject({ exitCode: 3, log: { unanswered: expect.any(String) } });
  });

  test('what the first look has found is not forgotten over a second one, which a head of others asks for', async () => {
    const log = await servedLog(10);
    const nonsense = new Hono();
    nonsense.all('*', (c) => c.text('no note'));
    const { url, show } = await address({ app: nonsense } as ServedLog);
    const witness = new Hono();
    witness.all('*', () => {
      show(log);
      return log.app.request('/logs/main/checkpoint');
    });
    const { port, close } = await startServer(witness, { hostname: '127.0.0.1', port: 0 });
    onTestFinished(close);
    const desk = await newMonitor(
      `logs: [{vkey: '${log.vkey}', url: '${url}'}]\nwitnesses: ['http://127.0.0.1:${port}']`,
    );
    const { exitCode, log: looked } = await desk.once();
    expect([exitCode, looked['treeSize'], looked['told']]).toEqual([1, 10, ['bad_signature']]);
    expect(looked['observations']).toMatchObject([{ kind: 'bad_signature' }]);
    expect(await desk.once()).toMatchObject({ exitCode: 0, log: { told: [], observations: [] } });
  });

  test('MONITOR-11 kind: events holds entries to the form of events', async () => {
    const log = await servedLog(10);
    const { url } = await address(log);
    const desk = await newMonitor(`logs: [{vkey: '${log.vkey}', url: '${url}', kind: events}]`);
    const { exitCode, log: looked } = await desk.once();
    expect([exitCode, looked['treeSize']]).toEqual([1, 10]);
    expect(looked['observations']).toMatchObject([{ kind: 'bad_event', index: 0 }]);
  });

  test.each<[string, string, string]>([
    ['a key that is none', 'logs: [{vkey: a, url: "http://a.example"}]', 'malformed_key|not a key|vkey'],
    ['an unknown key', 'log: []', 'log'],
    [
      'a policy that is not there',
      "logs: [{vkey: 'VKEY', url: 'http://a.example', policyFile: none}]",
      'ENOENT',
    ],
    [
      'one origin twice',
      "logs: [{vkey: 'VKEY', url: 'http://a.example'}, {vkey: 'VKEY', url: 'http://b.example'}]",
      'one origin',
    ],
    ['no YAML', '{', 'not YAML'],
  ])('%s is refused', async (_, yaml, said) => {
    const { vkey } = await servedLog(0);
    const { flags } = await newMonitor(yaml.replaceAll('VKEY', vkey));
    const ran = await run(['monitor', '--once', ...flags]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(/invalid_config/);
    expect(ran.stderr).toMatch(new RegExp(said));
  });

  test('a policy with a key of ML-DSA-44 is a warning, and a quorum that needs it is refused', async () => {
    const log = await servedLog(1);
    const { url } = await address(log);
    const { folder, flags } = await newMonitor(
      `logs: [{vkey: '${log.vkey}', url: '${url}', policyFile: policy}]`,
    );
    const { vkey } = JSON.parse(await readFile('spec/vectors/notes.json', 'utf8')).ml_dsa_44;
    const policy = (quorum: string): Promise<void> =>
      writeFile(join(folder, 'policy'), `log ${log.vkey}\nwitness pq ${vkey}\nquorum ${quorum}\n`);
    await policy('none');
    const ran = await run(['monitor', '--once', '--json', ...flags]);
    expect([ran.exitCode, ran.stderr]).toEqual([0, expect.stringMatching(/"witnesses":\["pq"\].*ML-DSA-44/)]);
    await policy('pq');
    const refused = await run(['monitor', '--once', ...flags]);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('its quorum needs')]);
  });

  test('what is there is not made again, and nothing is made by a start', async () => {
    const { folder } = await newMonitor('logs: []');
    expect((await run(['monitor', 'init', '--data', folder])).stderr).toContain('data_exists');
    const ran = await run(['monitor', '--once', '--data', `${folder}-none`]);
    expect([ran.exitCode, ran.stderr.includes('no_data')]).toEqual([1, true]);
  });

  test('MONITOR-4 a guard that is gone refuses the log; both gone are a new monitor of it', async () => {
    const log = await servedLog(10);
    const { url } = await address(log);
    const desk = await newMonitor(`logs: [{vkey: '${log.vkey}', url: '${url}'}]`);
    expect((await desk.once()).exitCode).toBe(0);
    const { rename } = await import('node:fs/promises');
    const guard = join(`${desk.folder}.guard`, originHash(ORIGIN));
    await rename(guard, `${guard}.gone`);
    expect(await desk.once()).toMatchObject({ exitCode: 1, log: { refused: 'guard_missing' } });
  });
});

describe('MONITOR-8 a mirror', () => {
  test('stele repair --from takes what a monitor serves; SIGTERM ends it with 0', async () => {
    const log = await servedLog(600);
    const { url } = await address(log);
    const desk = await newMonitor(`logs: [{vkey: '${log.vkey}', url: '${url}', mirror: true}]`);
    expect((await desk.once()).exitCode).toBe(0);
    const { dataPath, guardPath } = log.dir;
    await log.log.close();
    const db = await LevelStore.open(join(dataPath, 'logs/main/db'));
    await db.accept();
    expect(await db.commit({ puts: [], deletes: [bundleKey(0), bundleKey(1)] })).toBe('committed');
    await db.close();
    const server = await serving(desk.flags);
    const mirror = `${server.url}/${originHash(ORIGIN)}`;
    const where = ['--data', dataPath, '--guard', guardPath];
    const repaired = await run(['repair', '--from', mirror, '--json', ...where]);
    expect(repaired).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(repaired.stdout)).toMatchObject({ clean: true, treeSize: 600, repaired: { count: 2 } });
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain(
      `stele_monitor_tree_size{origin="${ORIGIN}"} 600`,
    );
    server.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0 });
  });

  test('a running monitor writes the evidence and tells, and its log line names both', async () => {
    const [one, two] = (await forkedLogs(30, [['a'], ['b']])) as [ServedLog, ServedLog];
    const { url, show } = await address(one);
    const desk = await newMonitor(
      `logs: [{vkey: '${one.vkey}', url: '${url}', pollSec: 1}]`,
      'sinks: [{name: out, type: stdout}]',
    );
    await desk.once();
    show(two);
    const server = await serving(desk.flags);
    const evidence = join(desk.folder, 'evidence');
    while ((await readdir(evidence)).every((name) => !name.endsWith('.json')))
      await fetch(`${server.url}/healthz`);
    server.kill('SIGTERM');
    const { code, said } = await server.ended;
    const [file = ''] = await readdir(evidence);
    expect([code, said.includes(file)]).toEqual([0, true]);
    expect(JSON.parse(await readFile(join(evidence, file), 'utf8'))).toMatchObject({ kind: 'two-roots' });
  });

  test('ALERT-4 a running monitor tells that a log is stale, and that it is no more once it has grown', async () => {
    const [one, two] = (await forkedLogs(30, [['a'], ['a', 'b']])) as [ServedLog, ServedLog];
    const { url, show } = await address(one);
    const hook = await webhook();
    const desk = await newMonitor(
      `logs: [{vkey: '${one.vkey}', url: '${url}', pollSec: 1, staleSec: 1}]`,
      `sinks: [{name: h, type: alertmanager, url: '${hook.url}'}]`,
    );
    const server = await serving(desk.flags);
    const got = async (count: number): Promise<Record<string, object | string>> => {
      while (hook.bodies.length < count) await fetch(`${server.url}/healthz`);
      return JSON.parse(hook.bodies[count - 1] ?? '')[0];
    };
    const raised = await got(1);
    expect(raised['labels']).toMatchObject({ alertname: 'stele_stale_head', log: ORIGIN });
    show(two);
    const ended = await got(2);
    expect([ended['labels'], ended['startsAt']]).toEqual([raised['labels'], raised['startsAt']]);
    expect(Date.parse(String(raised['endsAt']))).toBeGreaterThan(Date.now());
    expect(Date.parse(String(ended['endsAt']))).toBeLessThanOrEqual(Date.now());
  });
});
