import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, createServer as createPort } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/*
 * `npm run demo:split-view`: a log that shows two monitors two histories, two monitors that talk to each other, and a witness, all as
 * processes. Prints what each of them finds, the webhook that a person gets, and what stele verify says of the evidence. Ends with 0
 * once the log is convicted. `--keep` leaves the folders.
 */

const OUT = join(import.meta.dirname, '..', '..');
const MAIN = join(OUT, 'src', 'cli', 'main.js');
const FORKING_LOG = join(OUT, 'test', 'demo', 'forking-log.js');
const GIVE_UP_MS = 120_000;

const startedAt = performance.now();
const children: ChildProcess[] = [];

function say(text: string): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** Starts a process that prints a line of JSON when it is ready. */
async function start(args: readonly string[]): Promise<Record<string, string>> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const signal = AbortSignal.timeout(GIVE_UP_MS);
  const [line] = await once(createInterface({ input: child.stdout }), 'line', { signal });
  return JSON.parse(String(line));
}

async function stele(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [MAIN, ...args])).stdout;
}

interface Hook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Where a person's pager would be: takes webhooks. */
async function pager(): Promise<{ url: string; next(): Promise<Hook>; close(): void }> {
  const hooks: Hook[] = [];
  let wake: () => void = () => undefined;
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.end();
    hooks.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    wake();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const next = async (): Promise<Hook> => {
    for (;;) {
      const hook = hooks.shift();
      if (hook !== undefined) return hook;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, next, close };
}

async function freePort(): Promise<number> {
  const server = createPort().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface MonitorParts {
  readonly folder: string;
  readonly logUrl: string;
  readonly vkey: string;
  readonly listen: string;
  readonly peer: string;
  readonly hookUrl: string;
  readonly secret: string;
}

/** A monitor that sees one side of the log, and talks to the other monitor. */
async function monitor(parts: MonitorParts): Promise<string> {
  const { folder, logUrl, vkey, listen, peer, hookUrl, secret } = parts;
  await stele('monitor', 'init', '--data', folder);
  await writeFile(join(folder, 'hook.secret'), secret, { mode: 0o600 });
  await writeFile(
    join(folder, 'monitor.yaml'),
    `logs: [{vkey: '${vkey}', url: '${logUrl}', pollSec: 1}]\npeers: ['${peer}']\ngossipSec: 1\n`,
  );
  await writeFile(
    join(folder, 'alerts.yaml'),
    `sinks: [{name: pager, type: webhook, url: '${hookUrl}', secretFile: hook.secret, allowInternal: true}]\n`,
  );
  const alerts = ['--alerts', join(folder, 'alerts.yaml')];
  await start([MAIN, 'monitor', '--json', '--data', folder, '--listen', listen, ...alerts]);
  return `http://${listen}`;
}

/** Waits until a monitor has verified so many entries. */
async function verified(url: string, size: number): Promise<void> {
  for (const endAt = performance.now() + GIVE_UP_MS; performance.now() < endAt; ) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const found = /^stele_monitor_tree_size\{[^}]*\} (\d+)$/m.exec(metrics)?.[1];
    if (Number(found) >= size) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} has not verified ${size} entries`);
}

/** The signature of Standard Webhooks over what came. */
function isSigned({ headers, body }: Hook, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return headers['webhook-signature'] === `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
}

async function askWitness(folder: string, log: Record<string, string>): Promise<void> {
  const data = ['--data', join(folder, 'witness')];
  await stele('witness', 'init', 'witness.example/w', ...data);
  await stele('witness', 'add-log', log['vkey'] ?? '', ...data);
  const { url = '' } = await start([MAIN, 'witness', '--json', '--listen', '127.0.0.1:0', ...data]);
  const asked = await fetch(`${log['url']}/witness`, { method: 'POST', body: url });
  const { shared, honest, other }: Record<string, number> = Object(await asked.json());
  say(
    `the witness cosigns the shared head (${shared}) and one history (${honest}), and refuses the other (${other})`,
  );
}

async function demo(folder: string): Promise<boolean> {
  const hooks = await pager();
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const log = await start([FORKING_LOG]);
  say(`a log serves two clients at ${log['url']}/a and /b, key ${log['vkey']}`);
  const [first, second] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const common = { vkey: log['vkey'] ?? '', hookUrl: hooks.url, secret };
  const sides = [
    { name: 'a', listen: first, peer: second },
    { name: 'b', listen: second, peer: first },
  ];
  const urls = await Promise.all(
    sides.map(({ name, listen, peer }) =>
      monitor({
        ...common,
        folder: join(folder, name),
        logUrl: `${log['url']}/${name}`,
        listen,
        peer: `http://${peer}`,
      }),
    ),
  );
  await Promise.all(urls.map((url) => verified(url, 300)));
  say('two monitors have verified the same 300 entries and exchange heads each second');
  await fetch(`${log['url']}/fork`, { method: 'POST' });
  const forkedAt = performance.now();
  say('the log forks: each monitor now sees a history of its own, in which every proof holds');
  const hook = await hooks.next();
  const { data } = JSON.parse(hook.body);
  say(
    `webhook after ${((performance.now() - forkedAt) / 1_000).toFixed(1)} s: ${data.kind} of ${data.log}, sizes ${data.sizes.join(' and ')}, signature ${isSigned(hook, secret) ? 'right' : 'WRONG'}`,
  );
  say(`evidence: ${data.evidenceFile}`);
  say(`          ${(await readFile(data.evidenceFile, 'utf8')).slice(0, 100)}…`);
  await askWitness(folder, log);
  const judged = await stele('verify', data.evidenceFile, '--vkey', log['vkey'] ?? '');
  say(`stele verify: ${judged.trim().replaceAll('\n', `\n${' '.repeat(9)}`)}`);
  hooks.close();
  return data.kind === 'fork' && isSigned(hook, secret) && judged.includes('is convicted');
}

const folder = await mkdtemp(join(tmpdir(), 'stele-split-view-'));
try {
  process.exitCode = (await demo(folder)) ? 0 : 1;
} finally {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'close')));
  if (process.argv.includes('--keep')) say(`kept: ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
