import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Alerter } from '../../src/alert/alerter.ts';
import { environmentSettings, SETTING_NAMES } from '../../src/cli/config.ts';
import { fileSettings } from '../../src/cli/config-file.ts';
import { LogClient } from '../../src/client/log-client.ts';
import { createApp } from '../../src/http/app.ts';
import { createMonitorApp } from '../../src/http/monitor-app.ts';
import { methodsOf, ROUTES } from '../../src/http/routes.ts';
import { IMPORT_FORMATS } from '../../src/import/import-format.ts';
import { S3_ACCESS_MAP } from '../../src/import/s3-access-map.ts';
import { SECURITY_ACTIONS, SYSMON_ACTIONS, type WindowsAction } from '../../src/import/windows-ids.ts';
import { Gossip } from '../../src/monitor/gossip.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import { openDesk } from '../support/monitor-desk.ts';
import { KNOWN_TOKEN, TOKEN } from '../support/served-logs.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { History, TileLog } from '../support/tile-log.ts';
import { newWitness, runWitness } from '../support/witness-desk.ts';
import { witnessingDesk } from '../support/witnessing-desk.ts';
import { cliPage } from './cli-page.ts';
import { ROOT } from './desk.ts';
import { pages } from './page.ts';

/*
 * Reference pages say what the program does. Where they differ, the program is asked and the page is wrong.
 */

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

/** The rows of the tables of a page, each a list of its cells; `code` marks go. */
async function rowsOf(path: string): Promise<string[][]> {
  const lines = (await read(path)).split('\n').filter((line) => /^\| `/.test(line));
  return lines.map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const WRITTEN = '<!-- From here on written by test/docs/reference.test.ts: run vitest with -u. -->\n';

/** Compares what stands below the mark of a page with what the program says. */
async function expectWritten(path: string, written: string): Promise<void> {
  const [intro = ''] = (await read(path)).split(WRITTEN);
  await expect(`${intro}${WRITTEN}\n${written}`).toMatchFileSnapshot(join(ROOT, path));
}

test('the command page has every command and flag, as --help says them', async () =>
  expectWritten('docs/reference/cli.md', await cliPage()));

/** Of settings that are neither numbers nor any text. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  server: 'http://a.example',
  trustedProxies: ['192.0.2.1'],
  witnessing: { main: { policy: 'a' } },
};

describe('the settings page', () => {
  const sampleOf = (name: string): unknown =>
    /(?:Bytes|Seconds|Rate)$/.test(name) ? 1 : (SAMPLES[name] ?? 'a');

  test('has every setting', async () => {
    const named = (await rowsOf('docs/reference/configuration.md')).map(([key]) => key ?? '');
    expect(named.sort()).toEqual([...SETTING_NAMES].sort());
  });

  test('names where each can be given', async () => {
    const page = await cliPage();
    for (const [key = '', flag, variable = '', file] of await rowsOf('docs/reference/configuration.md')) {
      const sample = sampleOf(key);
      if (flag !== '') {
        expect(flag).toBe(`--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
        expect(page).toContain(`\`${flag} <`);
      } else expect(page).not.toContain(`\`--${key} <`);
      if (variable !== '')
        expect(environmentSettings({ [variable]: String(sample) })).toEqual({ [key]: sample });
      const inFile = (): unknown => fileSettings(JSON.stringify({ [key]: sample }), 'config.yaml');
      if (file === 'yes') expect(inFile()).toEqual({ [key]: sample });
      else expect(inFile).toThrow('tokenFile');
    }
  });
});

/** What events of Windows are called, as a table. */
function windowsTable(source: string, actions: ReadonlyMap<number, WindowsAction>): string {
  const rows = [...actions].sort(([a], [b]) => a - b);
  const lines = rows.map(
    ([id, { action, kind, operation }]) => `| ${id} | \`${action}\` | ${kind} | ${operation} |\n`,
  );
  return `### ${source}\n\n| EventID | action | kind | operation |\n|---|---|---|---|\n${lines.join('')}\n`;
}

test('the page of imports has every event of Windows and the map that is shipped', () => {
  const tables = [
    windowsTable('Microsoft-Windows-Security-Auditing', SECURITY_ACTIONS),
    windowsTable('Microsoft-Windows-Sysmon', SYSMON_ACTIONS),
  ];
  const map = `## The map s3-access\n\n\`\`\`json\n${S3_ACCESS_MAP}\`\`\`\n`;
  return expectWritten('docs/reference/import.md', `## Events of Windows\n\n${tables.join('')}${map}`);
});

test('the page of imports names every format', async () => {
  const named = (await rowsOf('docs/reference/import.md')).map(([format]) => format);
  expect(named).toEqual(expect.arrayContaining([...IMPORT_FORMATS]));
});

/** Every metric in a text of Prometheus, as rows of a table. */
function metricTable(text: string, prefix = /^stele_(?!alerts_)/): string {
  const metrics = [...text.matchAll(/^# HELP (\S+) (.+)\n# TYPE \1 (\S+)$/gm)]
    .filter(([, name = '']) => prefix.test(name))
    .map(([, name = '', help = '', type = '']) => {
      const sample = new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'm').exec(text)?.[1] ?? '';
      const labels = [...sample.matchAll(/(\w+)="/g)]
        .map((match) => match[1] ?? '')
        .filter((label) => label !== 'le');
      return `| \`${name}\` | ${type} | ${labels.sort().join(', ')} | ${help} |\n`;
    });
  expect(metrics.length).toBeGreaterThan(3);
  return `| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n${metrics.sort().join('')}`;
}

test('the metrics page has every metric with its type and labels', async () => {
  const desk = await witnessingDesk();
  const witnessing = await desk.start();
  const logs = { names: () => ['main'], get: () => desk.log };
  const deps = { logs, tokens: async () => [KNOWN_TOKEN], clock: systemClock, witnessing: () => witnessing };
  const app = createApp(deps);
  const post = { method: 'POST', headers: { Authorization: `Bearer ${TOKEN}` }, body: 'a' };
  await app.request('http://log.example/logs/main/add', post);
  const text = await (await app.request('http://log.example/metrics')).text();
  const log = GrowingLog.of(testSigner('log.example/main'), 1);
  const witness = await runWitness(await newWitness([log.signer.vkey]));
  await witness.post(await log.request(0, 1));
  const ofWitness = (await witness.get('/metrics')).text;
  const ofMonitor = await monitorMetrics();
  const alerts = metricTable(ofMonitor, /^stele_alerts_/);
  // Those of alerts have no values where there are no sinks.
  for (const each of [text, ofWitness])
    expect(metricTable(each, /^stele_alerts_/)).toContain('_given_up_total');
  const tables = {
    'Log server': metricTable(text),
    Witness: metricTable(ofWitness),
    Monitor: metricTable(ofMonitor),
    'All three, where `alerts` names sinks': alerts,
  };
  const page = Object.entries(tables).map(([title, table]) => `## ${title}\n\n${table}`);
  await expectWritten('docs/reference/metrics.md', page.join('\n'));
});

/** The metrics of a monitor that has found something, and has heard of a head. */
async function monitorMetrics(): Promise<string> {
  const log = new TileLog(testSigner('log.example/main'));
  const view = { history: new History(2), size: 2 };
  const trust = { origin: log.signer.name, trust: { vkey: log.signer.vkey } };
  const { monitor, clock, round } = await openDesk({ ...trust, staleSec: 0 }, (url) => log.answer(view, url));
  await round();
  clock.pass(1_000);
  await round();
  const gossip = new Gossip({
    ...{ monitor, clock, peers: [], witnesses: [], gossipMs: 1, keys: [], fetch: globalThis.fetch },
    onTrouble: () => undefined,
  });
  const sinks = [{ name: 'a', deliver: async () => undefined }];
  await using alerter = await Alerter.open({ folder: join(await tempFolder(), 'outbox'), sinks });
  const app = createMonitorApp({ monitor, gossip, alerter });
  const body = JSON.stringify({ checkpoints: [await log.note(view)] });
  await app.request('/gossip/v1/checkpoints', { method: 'POST', body });
  return (await app.request('/metrics')).text();
}

/** The paths that a pattern of ROUTES stands for, names being 0. */
function pathsOf(pattern: RegExp): string[] {
  const source = pattern.source
    .replaceAll('\\/', '/')
    .replaceAll(/\[\^\/\]\+|\.\+/g, '0')
    .replaceAll(/[\^$]/g, '');
  const [, before = source, words = '', after = ''] = /^(.*)\((.+)\)(.*)$/.exec(source) ?? [];
  const paths = words.split('|').map((word) => `${before}${word}${after}`);
  return paths.flatMap((path) =>
    path.includes('s?') ? [path.replace('s?', ''), path.replace('?', '')] : [path],
  );
}

test('the interface page has every route of the server', async () => {
  const rows = (await rowsOf('docs/reference/http.md')).map(([call = '']) => call.replace(/\?.*$/, ''));
  const named = rows.map((call) => call.replaceAll(/\{[^}]*\}/g, '0').replace('tile/0/0', 'tile/0'));
  const calls = ROUTES.flatMap(([pattern, methods]) =>
    pathsOf(pattern).flatMap((path) => methods.split(', ').map((method) => `${method} ${path}`)),
  ).filter((call) => !call.startsWith('HEAD '));
  expect(calls).toContain('POST /logs/0/proofs/multi');
  expect(calls).toContain('GET /logs/0/checkpoint');
  expect(calls.filter((call) => !named.includes(call))).toEqual([]);
  expect(named.filter((call) => methodsOf(call.replace(/^\S+ /, '')) === undefined)).toEqual([]);
});

test('the client page has every method of LogClient and every exported value', async () => {
  const page = await read('docs/reference/client.md');
  const methods = Object.getOwnPropertyNames(LogClient.prototype).filter((name) => name !== 'constructor');
  const values = Object.keys(await import('../../src/client/client.ts'));
  const missing = [...methods.map((name) => `\`${name}(`), ...values];
  expect(missing.filter((name) => !page.includes(name))).toEqual([]);
});

test('every page is reached from README.md by links', async () => {
  const reached = new Set<string>(['README.md']);
  for (const path of reached) {
    for (const [, target = ''] of (await read(path)).matchAll(/\]\(([^)\s#]+\.md)(?:#[^)]*)?\)/g)) {
      if (!/^[a-z]+:/.test(target)) reached.add(join(dirname(path), target));
    }
  }
  const lost = (await pages()).filter(
    (path) => /^(?:docs|spec|bench)\/|^[A-Z]+\.md$/.test(path) && !reached.has(path),
  );
  expect(lost.filter((path) => !/^(?:docs\/decisions|spec\/vectors)\//.test(path))).toEqual([]);
});
