import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testSigner } from '../support/growing-log.ts';
import { openDesk } from '../support/monitor-desk.ts';
import { History, TileLog } from '../support/tile-log.ts';

const log = new TileLog(testSigner('log.example/main'));
const view = { history: new History(300), size: 300 };
const BOMB = gzipSync(Buffer.alloc(100 * 1024 * 1024));

/** A server that answers the paths of `part` by `lie`, and all others honestly. */
async function hostile(part: string, lie: (response: ServerResponse) => void): Promise<string> {
  const server = createServer(async (request, response) => {
    if (request.url?.startsWith(part)) return lie(response);
    const answer = await log.answer(view, `http://log.example${request.url}`);
    response.writeHead(answer.status);
    response.end(new Uint8Array(await answer.arrayBuffer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function roundOn(url: string, timeoutMs: number) {
  const fetch = (asked: string, init: RequestInit) =>
    globalThis.fetch(asked.replace('http://log.example', url), init);
  const desk = await openDesk(
    { origin: 'log.example/main', trust: { vkey: log.signer.vkey }, timeoutMs },
    fetch,
  );
  const observed = (await desk.round()).map(({ kind }) => kind);
  const [status] = desk.monitor.status();
  return { observed, size: status?.size, unanswered: status?.unanswered?.code };
}

describe('MONITOR-5 a server on a socket that means harm', () => {
  test('an honest one is followed', async () => {
    expect(await roundOn(await hostile('/none', () => undefined), 10_000)).toEqual({
      observed: [],
      size: 300,
    });
  });

  test.each([
    '/checkpoint',
    '/tile/0/',
    '/tile/entries/',
  ])('bytes that drip from %s: no answer', async (part) => {
    const url = await hostile(part, (response) => {
      const timer = setInterval(() => response.write('a'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await roundOn(url, 150)).toEqual({ observed: [], unanswered: 'unreachable' });
  });

  test.each([
    ['/checkpoint', 'bad_signature'],
    ['/tile/0/', 'bad_tile'],
    ['/tile/entries/000', 'bad_tile'],
  ])('100 MiB behind 100 KiB of gzip from %s: cut off at the bound', async (part, kind) => {
    const url = await hostile(part, (response) => {
      response.writeHead(200, { 'Content-Encoding': 'gzip' });
      response.end(BOMB);
    });
    expect(await roundOn(url, 30_000)).toEqual({ observed: [kind] });
  });

  test('a redirect to an address inside is not followed', async () => {
    let asked = 0;
    const inside = await hostile('/', (response) => {
      asked += 1;
      response.end();
    });
    const url = await hostile('/', (response) => response.writeHead(307, { Location: inside }).end());
    expect(await roundOn(url, 10_000)).toEqual({ observed: [], unanswered: 'unreachable' });
    expect(asked).toBe(0);
  });
});
