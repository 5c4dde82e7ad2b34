import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { leafIndex, treeSize } from '../../src/core/units.ts';
import { BODY_BYTES, BodyMemory } from '../../src/http/body-memory.ts';
import { SERVER_LIMITS, startServer } from '../../src/http/server.ts';
import { WAITING_MAX, WriteGate } from '../../src/http/write-gate.ts';
import type { QueueLimits } from '../../src/sequencer/pending-queue.ts';
import { latch } from '../support/latch.ts';
import { newServer, type TestServer } from './new-server.ts';

/*
 * What a server says when it has too much to do, and what it holds meanwhile.
 */

const FULL: QueueLimits = { entriesMax: 0, bytesMax: 1e6, ageMaxMs: 1e6 };
const ROOM: QueueLimits = { ...FULL, entriesMax: 100 };

interface Served extends TestServer {
  readonly port: number;
  /** A connection that is not closed before the test is over. */
  client(): Client;
}

interface Client {
  readonly socket: Socket;
  send(text: string): void;
  /** Resolves with all that has come once this has. */
  until(text: string): Promise<string>;
}

async function served(
  queue: QueueLimits,
  bodies?: BodyMemory,
  gate?: WriteGate,
  asked?: BodyMemory,
): Promise<Served> {
  const parts = await newServer({}, queue, bodies, gate, asked);
  const server = await startServer(
    parts.app,
    { hostname: '127.0.0.1', port: 0 },
    { ...SERVER_LIMITS, drainMs: 0 },
    { gate },
  );
  onTestFinished(() => server.close());
  const { port } = server;
  return { ...parts, port, client: () => clientOf(connect(port, '127.0.0.1')) };
}

function clientOf(socket: Socket): Client {
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  let come = '';
  socket.setEncoding('latin1').on('data', (text) => {
    come += text;
  });
  const until = async (text: string): Promise<string> => {
    while (!come.includes(text)) await once(socket, 'data');
    return come;
  };
  return { socket, send: (text) => void socket.write(text), until };
}

/** The head of an append of one entry. */
function head(authorization: string, more: string): string {
  const type = 'Content-Type: application/octet-stream';
  return `POST /logs/main/entries HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n${type}\r\n${more}\r\n\r\n`;
}

const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';

describe('HTTP-26 what would be refused is refused before the body is read', () => {
  test.each(['Content-Length: 60000', 'Transfer-Encoding: chunked'])('%s', async (length) => {
    const { client, authorization } = await served(FULL);
    const { send, until } = client();
    send(head(authorization, length));
    const answer = await until('queue_full');
    expect(answer).toMatch(/^HTTP\/1.1 503 /);
    expect(answer).toMatch(/^retry-after: 1\r$/im);
  });

  test('the connection goes on behind the body, of which nothing is kept', async () => {
    const { client, authorization, bodies, log } = await served(FULL);
    const { send, until } = client();
    send(head(authorization, 'Content-Length: 60000'));
    await until('queue_full');
    send('x'.repeat(60_000) + HEALTH);
    expect((await until('"ok"')).match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 503', 'HTTP/1.1 200']);
    expect([bodies.held, log.head.size]).toEqual([0, 0]);
  });

  test('nobody who waits for leave to send a body gets it', async () => {
    const { client, authorization } = await served(FULL);
    const { socket, send, until } = client();
    send(head(authorization, 'Content-Length: 60000\r\nExpect: 100-continue'));
    expect(await until('queue_full')).toMatch(/^HTTP\/1.1 503 /);
    // It may send the body all the same, or another request: nobody could tell which.
    await once(socket, 'close');
  });

  test('where there is room, leave is given', async () => {
    const { client, authorization } = await served(ROOM);
    const { send, until } = client();
    send(head(authorization, 'Content-Length: 1\r\nExpect: 100-Continue'));
    expect(await until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    send('x');
    expect(await until('"index":0')).toContain('HTTP/1.1 201 ');
  });
});

describe('HTTP-26 bodies on their way are bounded together', () => {
  const bound = 2_000 + BODY_BYTES;

  /** A server that has half of an entry of 2,000 bytes. */
  async function halfSent(): Promise<Served & { readonly slow: Client }> {
    const parts = await served(ROOM, new BodyMemory(bound));
    const slow = parts.client();
    slow.send(head(parts.authorization, 'Content-Length: 2000'));
    slow.send('x'.repeat(1_000));
    await expect.poll(() => parts.bodies.held).toBeGreaterThanOrEqual(1_000 + BODY_BYTES);
    return { ...parts, slow };
  }

  test('one that announces too much is refused and sends nothing; the slow one goes on', async () => {
    const { client, slow, authorization, bodies, log } = await halfSent();
    const { send, until } = client();
    send(head(authorization, 'Content-Length: 1001'));
    const answer = await until('server_busy');
    expect(answer).toMatch(/^HTTP\/1.1 503 /);
    expect(answer).toMatch(/^retry-after: 1\r$/im);
    slow.socket.destroy();
    await expect.poll(() => bodies.held).toBe(0);
    send(`${'y'.repeat(1_001)}${head(authorization, 'Content-Length: 2000')}${'z'.repeat(2_000)}`);
    expect(await until('"index":0')).toContain('HTTP/1.1 201 ');
    expect([bodies.held, log.head.size]).toEqual([0, 1]);
  });

  test('one that announces nothing is refused where it goes beyond', async () => {
    const { client, authorization, bodies } = await halfSent();
    const before = bodies.held;
    const { send, until } = client();
    send(`${head(authorization, 'Transfer-Encoding: chunked')}3e9\r\n${'y'.repeat(1_001)}\r\n0\r\n\r\n`);
    expect(await until('server_busy')).toMatch(/^HTTP\/1.1 503 /);
    expect(bodies.held).toBe(before);
  });

  test('questions, which need no token, have a bound of their own, and take no room from appends', async () => {
    const asked = new BodyMemory(3_000);
    const { client, authorization, log } = await served(ROOM, new BodyMemory(bound), undefined, asked);
    const ask = 'POST /logs/main/proofs/multi HTTP/1.1\r\nHost: x\r\n';
    const slow = client();
    slow.send(`${ask}Content-Length: 2900\r\n\r\n${'['.repeat(2_400)}`);
    await expect.poll(() => asked.held).toBe(2_400 + BODY_BYTES);
    const { send, until } = client();
    send(`${ask}Content-Length: 1000\r\n\r\n`);
    expect(await until('server_busy')).toMatch(/^HTTP\/1.1 503 /);
    const writer = client();
    writer.send(`${head(authorization, 'Content-Length: 2000')}${'z'.repeat(2_000)}`);
    expect(await writer.until('"index":0')).toContain('HTTP/1.1 201 ');
    expect(log.head.size).toBe(1);
  });

  test('a body that comes byte by byte takes at most four times its bytes, and is whole at the end', async () => {
    const { client, authorization, bodies, log } = await served(ROOM);
    const { send, until } = client();
    const bytes = Array.from({ length: 1_000 }, (_, i) => String.fromCharCode(97 + (i % 26)));
    send(head(authorization, 'Transfer-Encoding: chunked'));
    send(bytes.map((byte) => `1\r\n${byte}\r\n`).join(''));
    // From one byte on, four times as many whenever there is no room.
    await expect.poll(() => bodies.held).toBe(1_024 + BODY_BYTES);
    send('0\r\n\r\n');
    await until('"index":0');
    const [entry] = await log.readEntries(leafIndex(0), treeSize(1));
    expect(Buffer.from(entry ?? []).toString()).toBe(bytes.join(''));
  });

  test.each<[string, (client: Client) => void]>([
    ['sent whole', ({ send }) => send('x'.repeat(1_000))],
    ['given up', ({ socket }) => void socket.destroy()],
  ])('nothing is held of a body that was %s', async (_, end) => {
    const { slow, bodies } = await halfSent();
    end(slow);
    await expect.poll(() => bodies.held).toBe(0);
  });

  test.each([
    [1, 1, true],
    [2, 1, true],
    [3, 1, false],
    [2, 2, false],
  ])('%i bodies of %i bytes, and what each takes beside, where two of one have room', (bodies, bytes, fit) => {
    const memory = new BodyMemory(2 * (1 + BODY_BYTES));
    const hold = (): void => {
      for (let i = 0; i < bodies; i += 1) memory.hold(bytes);
    };
    if (fit) hold();
    else expect(hold).toThrow(expect.objectContaining({ code: 'server_busy' }));
    expect(memory.held).toBeLessThanOrEqual(2 * (1 + BODY_BYTES));
  });
});

describe('HTTP-25 what waits behind other answers on a connection is bounded', () => {
  const statuses = (text: string): (string | undefined)[] =>
    [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status);
  const times = (count: number, status: string): string[] => Array.from({ length: count }, () => status);

  test('of 40 appends that come at once 33 are taken, and as many more when those have their answers', async () => {
    const { client, authorization, log } = await served(ROOM);
    const { send, until } = client();
    const one = `${head(authorization, 'Content-Length: 1')}x`;
    send(one.repeat(40));
    await until('"index":32');
    send(HEALTH);
    const first = await until('"ok"');
    expect(statuses(first)).toEqual([...times(33, '201'), ...times(7, '503'), '200']);
    expect([first.match(/"code":"\w+"/g)?.at(-1), log.head.size]).toEqual(['"code":"server_busy"', 33]);
    send(one.repeat(33));
    expect(statuses(await until('"index":65')).slice(41)).toEqual(times(33, '201'));
    expect(log.head.size).toBe(66);
  });
});

describe('HTTP-31 what is posted while many appends wait is refused unseen', () => {
  /** A server where as many wait as may, until released. */
  async function full(
    queue: QueueLimits = ROOM,
    max = 1,
    unheardMs?: number,
  ): Promise<Served & { gate: WriteGate; release(): void }> {
    const gate = new WriteGate(max, unheardMs);
    const { opened, open } = latch();
    for (let i = 0; i < max; i += 1) void gate.pass(() => opened);
    return { ...(await served(queue, undefined, gate)), gate, release: open };
  }

  test.each([
    ['an entry', 'entries', 'Content-Length: 60000'],
    ['an entry of unknown length', 'entries', 'Transfer-Encoding: chunked'],
    ['an entry for its index', 'add', 'Content-Length: 60000'],
    ['a multi-proof', 'proofs/multi', 'Content-Length: 60000'],
    ['a path that is none', 'nowhere', 'Content-Length: 60000'],
  ])('%s', async (_, path, length) => {
    const { client, gate, log } = await full();
    const { send, until } = client();
    send(head('Bearer none', length).replace('/entries ', `/${path} `));
    const answer = await until('server_busy');
    expect(answer).toMatch(/^HTTP\/1.1 503 /);
    expect(answer).toMatch(/^content-type: application\/problem\+json\r$/im);
    expect(answer).toMatch(/^retry-after: 1\r$/im);
    expect([gate.refused, log.head.size]).toEqual([1, 0]);
  });

  test('reads go on, and so does the connection behind the body', async () => {
    const { client, authorization, gate } = await full();
    const { send, until } = client();
    send(`${head(authorization, 'Content-Length: 60000')}${'x'.repeat(60_000)}${HEALTH}`);
    expect((await until('"ok"')).match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 503', 'HTTP/1.1 200']);
    expect(gate.refused).toBe(1);
  });

  test('nobody who waits for leave to send a body gets it', async () => {
    const { client, authorization } = await full();
    const { socket, send, until } = client();
    send(head(authorization, 'Content-Length: 60000\r\nExpect: 100-continue'));
    expect(await until('server_busy')).toMatch(/^HTTP\/1.1 503 /);
    await once(socket, 'close');
  });

  test('a body that was on its way is refused where it would begin to wait', async () => {
    const gate = new WriteGate(1);
    const { client, authorization, bodies, log } = await served(ROOM, undefined, gate);
    const { send, until } = client();
    send(`${head(authorization, 'Content-Length: 2000')}${'x'.repeat(1_000)}`);
    await expect.poll(() => bodies.held).toBeGreaterThan(0);
    void gate.pass(() => latch().opened);
    send('x'.repeat(1_000));
    expect(await until('server_busy')).toMatch(/^HTTP\/1.1 503 /);
    expect([gate.refused, bodies.held, log.head.size]).toEqual([0, 0, 0]);
  });

  test('one fewer, and one that has its answer, leave room; what was refused is counted', async () => {
    const { client, authorization, app, gate, release } = await full();
    const { send, until } = client();
    send(`${head(authorization, 'Content-Length: 1')}x`);
    await until('server_busy');
    release();
    await expect.poll(() => gate.isFull).toBe(false);
    send(`${head(authorization, 'Content-Length: 1')}x`);
    expect(await until('"index":0')).toContain('HTTP/1.1 201 ');
    expect(gate.isFull).toBe(false);
    expect(await (await app.request('/metrics')).text()).toContain('\nstele_http_refused_unseen_total 1\n');
  });

  test('a log that takes no more shuts it until somebody who waits has an answer', async () => {
    const gate = new WriteGate(10);
    const { client, authorization } = await served(FULL, undefined, gate);
    const answers = async (count: number): Promise<string[]> => {
      const { send, until } = client();
      send(`${head(authorization, 'Content-Length: 1')}x`.repeat(count) + HEALTH);
      return [...(await until('"ok"')).matchAll(/"code":"([a-z_]+)"/g)].map(([, code]) => code ?? '');
    };
    // Nobody waits, so nobody would open it again.
    expect(await answers(2)).toEqual(['queue_full', 'queue_full']);
    const { opened, open } = latch();
    const waiting = gate.pass(() => opened);
    expect(await answers(3)).toEqual(['queue_full', 'server_busy', 'server_busy']);
    open();
    await waiting;
    void gate.pass(() => latch().opened);
    expect(await answers(1)).toEqual(['queue_full']);
  });

  describe('who was refused is not heard before its turn', () => {
    /** A connection that is refused, and sends its next append at once. */
    async function refused({ client, authorization }: Served): Promise<Client> {
      const made = client();
      const one = `${head(authorization, 'Content-Length: 1')}x`;
      made.send(one);
      await made.until('server_busy');
      made.send(one);
      return made;
    }

    /** Waits until the server has looked at whatever came before. */
    async function looked({ client }: Served): Promise<void> {
      const { send, until } = client();
      send(HEALTH);
      await until('"ok"');
    }

    test('one at a time, in the order of their refusals, as those who wait are answered', async () => {
      const parts = await full(ROOM, 1, 3_600_000);
      const [first, second] = [await refused(parts), await refused(parts)];
      await looked(parts);
      expect(parts.gate.refused).toBe(2);
      parts.release();
      expect(await second.until('"index":1')).toContain('HTTP/1.1 201 ');
      expect(await first.until('"index":0')).toContain('HTTP/1.1 201 ');
      expect(parts.gate.refused).toBe(2);
    });

    test('while half as many wait as may, not', async () => {
      const gate = new WriteGate(4, 3_600_000);
      const ends = Array.from({ length: 4 }, () => {
        const { opened, open } = latch();
        return { over: gate.pass(() => opened), open };
      });
      const parts = await served(ROOM, undefined, gate);
      const { until } = await refused(parts);
      const end = async (some: typeof ends): Promise<void> => {
        for (const { open } of some) open();
        await Promise.all(some.map(({ over }) => over));
        await looked(parts);
      };
      await end(ends.slice(0, 2));
      await looked(parts);
      const { opened, open } = latch();
      const another = gate.pass(() => opened);
      // It would be the fourth, or in the log.
      expect([gate.isFull, parts.log.head.size]).toEqual([false, 0]);
      open();
      await Promise.all([another, end(ends.slice(2))]);
      expect(await until('"index":0')).toContain('HTTP/1.1 201 ');
    });

    test('where nobody is answered, after the time that it was told to wait', async () => {
      const gate = new WriteGate(1, 10);
      void gate.pass(() => latch().opened);
      const parts = await served(ROOM, undefined, gate);
      const { send, until } = await refused(parts);
      await expect.poll(() => gate.refused).toBe(2);
      send(HEALTH);
      expect((await until('"ok"')).match(/HTTP\/1.1 \d+/g)).toEqual([
        'HTTP/1.1 503',
        'HTTP/1.1 503',
        'HTTP/1.1 200',
      ]);
    });

    test('one that is gone by then is no fault', async () => {
      const parts = await full(ROOM, 1, 3_600_000);
      const gone = await refused(parts);
      gone.socket.destroy();
      const next = await refused(parts);
      parts.release();
      expect(await next.until('"index":')).toContain('HTTP/1.1 201 ');
    });
  });

  test('an append that fails waits no longer', async () => {
    const gate = new WriteGate(1);
    await expect(gate.pass(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(gate.isFull).toBe(false);
  });

  test('1,024 may wait', () => {
    expect(WAITING_MAX).toBe(1_024);
  });
});

/** Connections to a port by what has become of them: how many are there, how many still ask for it. */
function asked(port: number): { readonly there: number; readonly asking: number } {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const states = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/ +/))
    .filter(([, , to]) => to?.endsWith(remote) === true)
    .map(([, , , state]) => state);
  return {
    there: states.filter((state) => state === '01').length,
    asking: states.filter((state) => state === '02').length,
  };
}

test.skipIf(process.platform !== 'linux')(
  'HTTP-31 of 700 connections that come together, none has to try again (skipped where there is no /proc)',
  async ({ skip }) => {
    const allowed = Number(readFileSync('/proc/sys/net/core/somaxconn', 'latin1'));
    if (allowed < 700) skip(`this system lets ${allowed} wait`);
    const { client, port } = await served(ROOM);
    for (let i = 0; i < 700; i += 1) client();
    // All have asked the kernel, and this process has not come to take any yet.
    await new Promise<void>((all) => process.nextTick(all));
    expect(asked(port)).toEqual({ there: 700, asking: 0 });
  },
);
