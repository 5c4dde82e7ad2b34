import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type RaisedAlert, raisedAlert } from '../../src/alert/alert.ts';
import type { Sink } from '../../src/alert/sink.ts';
import { readSinkFile } from '../../src/alert/sink-file.ts';
import { syslogMessage } from '../../src/alert/sinks/syslog.ts';
import { webhookSink } from '../../src/alert/sinks/webhook.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { HandClock } from '../support/witness-desk.ts';

const TOLD_MS = Date.UTC(2026, 0, 2);
const ALERT = raisedAlert(
  {
    ...{ kind: 'fork', source: 'monitor', log: 'log.example/"main"]', message: 'two roots \u00fc of size 7' },
    ...{ sizes: [7], evidenceFile: 'evidence/a.json' },
  },
  TOLD_MS,
);
const KEY = Buffer.alloc(32, 7);
const SECRET = `whsec_${KEY.toString('base64')}`;

/** The sinks of a file, with a secret beside it. */
async function sinksOf(yaml: string, stdout = new PassThrough()): Promise<Sink[]> {
  const folder = await tempFolder();
  await mkdir(join(folder, 'secrets'));
  await writeFile(join(folder, 'secrets', 'hook'), `${SECRET}\n`);
  await writeFile(join(folder, 'alerts.yaml'), yaml);
  return readSinkFile(join(folder, 'alerts.yaml'), { clock: systemClock, stdout });
}

async function deliver(yaml: string, alert: RaisedAlert = ALERT): Promise<void> {
  for (const sink of await sinksOf(yaml)) await sink.deliver(alert, AbortSignal.timeout(10_000));
}

interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A web server that answers each request by `answer`. */
async function receiver(
  answer: (response: ServerResponse) => void = (response) => response.end(),
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { url: path = '', headers } = request;
    received.push({ path, headers, body: Buffer.concat(chunks).toString() });
    answer(response);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${await portOf(server)}`, received };
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const hook = (url: string): string =>
  `sinks: [{name: h, type: webhook, url: '${url}', secretFile: secrets/hook, allowInternal: true}]`;

describe('ALERT-6 webhook', () => {
  test('POSTs in the form of Standard Webhooks: id, time and a signature over both and the body', async () => {
    const { url, received } = await receiver((response) => response.writeHead(204).end());
    await deliver(hook(`${url}/in?a=b`));
    const [{ path, headers, body } = { path: '', headers: {}, body: '' }] = received;
    const [id, time] = [headers['webhook-id'], headers['webhook-timestamp']];
    expect([path, headers['content-type']]).toEqual(['/in?a=b', 'application/json']);
    expect(id).toBe(`msg_${ALERT.id}-${TOLD_MS}`);
    expect(Math.abs(Number(time) - Date.now() / 1_000)).toBeLessThan(60);
    const mac = createHmac('sha256', KEY).update(`${id}.${time}.${body}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    expect(JSON.parse(body)).toEqual({ type: 'stele.alert.fork', timestamp: ALERT.at, data: ALERT });
  });

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['an error', (response) => response.writeHead(500).end(), 'answered 500'],
    ['a redirect', (response) => response.writeHead(307, { Location: '/b' }).end(), 'answered 307'],
    ['an answer that is cut off', (response) => response.destroy(), 'hang up'],
  ])('%s is not taken', async (_, answer, said) => {
    const { url, received } = await receiver(answer);
    await expect(deliver(hook(url))).rejects.toMatchObject({
      ...{ code: 'not_delivered', message: expect.stringContaining(said) },
    });
    expect(received).toHaveLength(1);
  });

  test('a body without end is not read', async () => {
    const { url } = await receiver((response) => {
      response.writeHead(200);
      response.write('a');
    });
    await deliver(hook(url));
  });

  test.each(['https://127.0.0.1:1/', 'http://hooks.example/'])('%s is not asked', async (url) => {
    const options = { name: 'h', secret: SECRET, allowInternal: false, clock: new HandClock() };
    const sink = webhookSink({ ...options, url: new URL(url) });
    const refused = { code: 'address_refused' };
    await expect(sink.deliver(ALERT, AbortSignal.timeout(10_000))).rejects.toMatchObject(refused);
  });

  test('a name that leads inside is not connected to, whatever it led to before', async () => {
    const { url, received } = await receiver();
    const inner = new URL(url.replace('127.0.0.1', 'hooks.example').replace('http:', 'https:'));
    const { publicLookup } = await import('../../src/alert/outbound.ts');
    const lookup = publicLookup(async () => [{ address: '127.0.0.1', family: 4 }]);
    const sink = webhookSink({
      name: 'h',
      url: inner,
      secret: SECRET,
      allowInternal: false,
      clock: new HandClock(),
      lookup,
    });
    await expect(sink.deliver(ALERT, AbortSignal.timeout(10_000))).rejects.toMatchObject({
      ...{ code: 'address_refused' },
    });
    expect(received).toEqual([]);
  });
});

describe('ALERT-6 the other sinks', () => {
  test('alertmanager: labels that group, annotations that tell', async () => {
    const { url, received } = await receiver();
    await deliver(`sinks: [{name: am, type: alertmanager, url: '${url}/am/'}]`);
    expect(received[0]?.path).toBe('/am/api/v2/alerts');
    expect(JSON.parse(received[0]?.body ?? '')).toEqual([
      {
        labels: {
          ...{
            alertname: 'stele_fork',
            severity: 'critical',
            log: ALERT.log,
            source: 'monitor',
            id: ALERT.id,
          },
        },
        annotations: {
          ...{ summary: ALERT.message, next: ALERT.next, evidence_file: 'evidence/a.json' },
          description: expect.stringContaining('Tree sizes: 7'),
        },
        startsAt: '2026-01-02T00:00:00.000Z',
        endsAt: '2026-01-03T01:00:00.000Z',
      },
    ]);
    const endedAt = '2026-01-02T06:00:00.000Z';
    await deliver(`sinks: [{name: am, type: alertmanager, url: '${url}/am/'}]`, { ...ALERT, endedAt });
    const [[raised], [ended]] = received.map(({ body }) => JSON.parse(body));
    expect(ended).toEqual({ ...raised, endsAt: endedAt });
  });

  test('syslog over UDP: one RFC 5424 message', async () => {
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const message = once(socket, 'message');
    await deliver(`sinks: [{name: s, type: syslog, address: 'udp://127.0.0.1:${socket.address().port}'}]`);
    const [bytes]: unknown[] = await message;
    expect(String(bytes)).toMatch(
      /^<26>1 2026-01-02T00:00:00\.000Z \S+ stele - fork \[stele@32473 id="[0-9a-f]{32}" log="log\.example\/\\"main\\"\\\]" next="[^"]+" evidenceFile="evidence\/a\.json"\] \ufefftwo roots \u00fc of size 7; Tree sizes: 7; /,
    );
  });

  test('syslog over TCP: the length in front, one a connection', async () => {
    const received: string[] = [];
    const server = createTcpServer(async (socket) => {
      for await (const chunk of socket) received.push(String(chunk));
    });
    onTestFinished(() => void server.close());
    await deliver(`sinks: [{name: s, type: syslog, address: 'tcp://127.0.0.1:${await portOf(server)}'}]`);
    const frame = received.join('');
    expect(Number(frame.split(' ')[0])).toBe(syslogMessage(ALERT).length);
    expect(Buffer.byteLength(frame.slice(frame.indexOf(' ') + 1))).toBe(syslogMessage(ALERT).length);
  });

  test('syslog: a long text is cut at 2,048 bytes, at a whole character', () => {
    const long = syslogMessage({ ...ALERT, message: '\u00fc'.repeat(2_000) });
    expect(long.length).toBeGreaterThan(2_046);
    expect(long.length).toBeLessThanOrEqual(2_048);
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(long)).not.toThrow();
  });

  test.each([
    ['exit 0', undefined],
    ['exit 3', 'ended with 3'],
    ['kill -9 $$', 'ended with SIGKILL'],
  ])('command: the alert on stdin, %s', async (end, said) => {
    const out = join(await tempFolder(), 'out');
    const script = `cat > '${out}'; env >> '${out}'; ${end}`;
    const yaml = `sinks: [{name: c, type: command, command: ['/bin/sh', '-c', ${JSON.stringify(script)}]}]`;
    if (said === undefined) await deliver(yaml);
    else
      await expect(deliver(yaml)).rejects.toMatchObject({
        code: 'not_delivered',
        message: expect.stringContaining(said),
      });
    const [line = '', ...environment] = (await readFile(out, 'utf8')).trim().split('\n');
    expect(JSON.parse(line)).toEqual(ALERT);
    expect(environment.map((each) => each.split('=')[0]).filter((each) => each === 'HOME')).toEqual([]);
  });

  test('command: killed when its time is over, and a program that is not there is told', async () => {
    const [sink] = await sinksOf(`sinks: [{name: c, type: command, command: ['/bin/sleep', '100']}]`);
    await expect(sink?.deliver(ALERT, AbortSignal.timeout(50))).rejects.toMatchObject({
      code: 'not_delivered',
    });
    await expect(deliver(`sinks: [{name: c, type: command, command: ['/none/such']}]`)).rejects.toThrow(
      'ENOENT',
    );
  });

  test('stdout: a line of JSON', async () => {
    const stdout = new PassThrough();
    const [sink] = await sinksOf('sinks: [{name: o, type: stdout}]', stdout);
    await sink?.deliver(ALERT, AbortSignal.timeout(1_000));
    expect(JSON.parse(String(stdout.read()))).toEqual({ alert: ALERT });
  });
});

/** As much of RFC 5321 as a mail needs; what was said to it, line by line. */
async function mailServer(refuses = /$^/): Promise<{ port: number; lines: string[] }> {
  const lines: string[] = [];
  const server = createTcpServer((socket) => void talk(socket, lines, refuses).catch(() => undefined));
  onTestFinished(() => void server.close());
  return { port: await portOf(server), lines };
}

async function talk(socket: Socket, lines: string[], refuses: RegExp): Promise<void> {
  let inData = false;
  let rest = '';
  socket.write('220 mail.example\r\n');
  for await (const chunk of socket) {
    const parts = `${rest}${chunk}`.split('\r\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line);
      if (inData && line !== '.') continue;
      inData = /^DATA/i.test(line);
      const answer = refuses.test(line)
        ? '550 no'
        : inData
          ? '354 go on'
          : /^QUIT/i.test(line)
            ? '221 bye'
            : '250 ok';
      socket.write(`${answer}\r\n`);
      if (answer.startsWith('221')) socket.end();
    }
  }
}

describe('ALERT-6 e-mail', () => {
  const email = (port: number, more = ''): string =>
    `sinks: [{name: e, type: email, host: 127.0.0.1, port: ${port}, from: stele@log.example, to: [a@log.example, b@log.example]${more}}]`;

  test('one mail to all, its Message-ID that of the alert', async () => {
    const { port, lines } = await mailServer();
    await deliver(email(port), { ...ALERT, log: 'a\r\nBcc: c@log.example' });
    expect(lines).toEqual(
      expect.arrayContaining([
        ...['MAIL FROM:<stele@log.example>', 'RCPT TO:<a@log.example>', 'RCPT TO:<b@log.example>'],
        `Message-ID: <${ALERT.id}-${TOLD_MS}@stele.invalid>`,
        'Tree sizes: 7',
      ]),
    );
    expect(lines.filter((line) => /^(?:RCPT|Bcc)/.test(line))).toHaveLength(2);
  });

  test.each<[string, RegExp]>([
    ['one of the receivers is refused', /^RCPT TO:<b@/],
    ['the mail is refused', /^\.$/],
    ['the sender is refused', /^MAIL/],
  ])('not taken when %s', async (_, refuses) => {
    const { port } = await mailServer(refuses);
    await expect(deliver(email(port))).rejects.toMatchObject({ code: 'not_delivered' });
  });

  test('a password is not sent to a server without TLS', async () => {
    const { port, lines } = await mailServer(/^STARTTLS/);
    await expect(deliver(email(port, ', user: u, passwordFile: secrets/hook'))).rejects.toMatchObject({
      ...{ code: 'not_delivered' },
    });
    expect(lines.filter((line) => /^AUTH|whsec/.test(line))).toEqual([]);
  });

  test('a server that says nothing is left when the time is over', async () => {
    const server = createTcpServer(() => undefined);
    onTestFinished(() => void server.close());
    const [sink] = await sinksOf(email(await portOf(server)));
    await expect(sink?.deliver(ALERT, AbortSignal.timeout(50))).rejects.toMatchObject({
      code: 'not_delivered',
    });
  });
});

describe('ALERT-7 the file of sinks', () => {
  test.each<[string, string, string]>([
    ['no YAML', '{', 'not YAML'],
    ['no sinks', 'a: 1', 'sinks'],
    ['a sink of no type', 'sinks: [{name: a, type: pigeon}]', 'type'],
    ['an unknown key', 'sinks: [{name: a, type: stdout, b: 1}]', 'b'],
    ['a name that is none', 'sinks: [{name: ../a, type: stdout}]', 'name'],
    ['two of one name', 'sinks: [{name: a, type: stdout}, {name: a, type: stdout}]', 'one name'],
    [
      'a webhook inside',
      "sinks: [{name: a, type: webhook, url: 'http://127.0.0.1/', secretFile: secrets/hook}]",
      'not https',
    ],
    [
      'a webhook of a private address',
      "sinks: [{name: a, type: webhook, url: 'https://10.0.0.1/', secretFile: secrets/hook}]",
      'not a public',
    ],
    [
      'a secret that is not there',
      "sinks: [{name: a, type: webhook, url: 'https://a.example', secretFile: none}]",
      'ENOENT',
    ],
    [
      'a secret that is none',
      "sinks: [{name: a, type: webhook, url: 'https://a.example', secretFile: alerts.yaml}]",
      'whsec_',
    ],
    [
      'half a login',
      'sinks: [{name: a, type: email, host: h, port: 25, from: f, to: [t], user: u}]',
      'belong together',
    ],
    ['a syslog of no port', "sinks: [{name: a, type: syslog, address: 'udp://h'}]", 'udp://host:port'],
    ['too many', `sinks: [${Array.from({ length: 17 }, (_, i) => `{name: a${i}, type: stdout}`)}]`, 'sinks'],
  ])('%s is refused', async (_, yaml, said) => {
    const refused = await sinksOf(yaml).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(refused?.message).toContain(said);
    expect(refused).toMatchObject({ code: expect.stringMatching(/^(?:invalid_config|address_refused)$/) });
  });
});
