import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BodyMemory, PIECE_BYTES } from '../../src/http/body-memory.ts';
import { SERVER_LIMITS, startServer } from '../../src/http/server.ts';
import type { QueueLimits } from '../../src/sequencer/pending-queue.ts';
import { newServer, type TestServer } from './new-server.ts';

/*
 * What a server says when it has too much to do, and what it holds meanwhile.
 */

const FULL: QueueLimits = { entriesMax: 0, bytesMax: 1e6, ageMaxMs: 1e6 };
const ROOM: QueueLimits = { ...FULL, entriesMax: 100 };

interface Served extends TestServer {
  /** A connection that is not closed before the test is over. */
  client(): Client;
}

interface Client {
  readonly socket: Socket;
  send(text: string): void;
  /** Resolves with all that has come once this has. */
  until(text: string): Promise<string>;
}

async function served(queue: QueueLimits, bodies?: BodyMemory): Promise<Served> {
  const parts = await newServer({}, queue, bodies);
  const server = await startServer(
    parts.app,
    { hostname: '127.0.0.1', port: 0 },
    { ...SERVER_LIMITS, drainMs: 0 },
  );
  onTestFinished(() => server.close());
  return { ...parts, client: () => clientOf(connect(server.port, '127.0.0.1')) };
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
  const bound = 2_000 + PIECE_BYTES;

  /** A server that has half of an entry of 2,000 bytes. */
  async function halfSent(): Promise<Served & { readonly slow: Client }> {
    const parts = await served(ROOM, new BodyMemory(bound));
    const slow = parts.client();
    slow.send(head(parts.authorization, 'Content-Length: 2000'));
    slow.send('x'.repeat(1_000));
    await expect.poll(() => parts.bodies.held).toBeGreaterThanOrEqual(1_000 + PIECE_BYTES);
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
  ])('%i pieces of %i bytes, and what each takes beside, where two of one have room', (pieces, bytes, fit) => {
    const memory = new BodyMemory(2 * (1 + PIECE_BYTES));
    const hold = (): void => {
      for (let i = 0; i < pieces; i += 1) memory.hold(new Uint8Array(bytes));
    };
    if (fit) hold();
    else expect(hold).toThrow(expect.objectContaining({ code: 'server_busy' }));
    expect(memory.held).toBeLessThanOrEqual(2 * (1 + PIECE_BYTES));
  });
});
