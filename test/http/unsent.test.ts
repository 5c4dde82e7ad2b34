import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { whomToCut } from '../../src/http/unsent.ts';
import { answerTo, CLOSE, type Listening, listening, received } from './raw-socket.ts';

/* HTTP-25: what a server holds of answers that nobody takes. */

const MIB = 1024 * 1024;
const BUNDLE = 'GET /logs/main/tile/entries/000.p/130 HTTP/1.1\r\nHost: x\r\n\r\n';
const HEALTH = `GET /healthz HTTP/1.1\r\n${CLOSE}\r\n`;

/** A server with a bundle of 7.4 MiB, which looks at its connections all the time. */
async function withBundle(unsentBytesMax: number): Promise<Listening> {
  const parts = await listening({ unsentBytesMax, unsentLookMs: 5 });
  const lines = `${'x'.repeat(60_000)}\n`.repeat(130);
  await parts.post('entries', lines, { 'content-type': 'application/x-ndjson' });
  return parts;
}

/** A client that has asked and reads nothing. */
function still(port: number, requests: string): ReturnType<typeof connect> {
  const socket = connect(port, '127.0.0.1').pause();
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(requests);
  return socket;
}

/** How many bundles were answered. */
async function bundles({ app }: Listening): Promise<number> {
  const text = await (await app.request('/metrics')).text();
  const count = /stele_http_request_seconds_count\{route="tile",method="GET",status="200"\} (\d+)/;
  return Number(count.exec(text)?.[1] ?? 0);
}

describe('HTTP-25 what clients do not take of their answers is bounded', () => {
  test('who takes nothing is cut, long before its connection counts as idle; who reads is answered', async () => {
    const served = await withBundle(8 * MIB);
    const { port } = served.server;
    // More than the system takes off the server's hands.
    still(port, BUNDLE.repeat(6));
    await expect.poll(() => bundles(served)).toBe(6);
    await expect.poll(() => served.server.connections(), { timeout: 20_000 }).toBe(0);
    const answer = await answerTo(port, BUNDLE.replace('Host: x', 'Host: x\r\nConnection: close'));
    expect(answer.length).toBeGreaterThan(7 * MIB);
  });

  test('below the bound nobody is cut', async () => {
    const { server } = await withBundle(1_024 * MIB);
    const slow = still(server.port, BUNDLE + HEALTH);
    // Many looks later it takes all of it.
    for (let looks = 0; looks < 20; looks += 1) await answerTo(server.port, HEALTH);
    const all = received(slow);
    slow.resume();
    expect((await all).slice(-15)).toBe('{"status":"ok"}');
  });

  test('a thousand requests in one packet make the server hold the answers to 33', async () => {
    const served = await withBundle(1_024 * MIB);
    still(served.server.port, BUNDLE.replace('130', '15').repeat(900));
    await expect.poll(() => bundles(served)).toBeGreaterThanOrEqual(33);
    // By the time that another client has its answer all of the packet was looked at.
    await answerTo(served.server.port, HEALTH);
    // What the system has taken makes room for as many.
    expect(await bundles(served)).toBeLessThan(100);
  });

  test.each<
    [string, Record<string, readonly [bytes: number, before: number | undefined, now: number]>, string]
  >([
    ['nobody at the bound', { a: [60, 1, 1], b: [40, 1, 1] }, ''],
    ['above it who stands still', { a: [60, 1, 2], b: [41, 1, 1] }, 'b'],
    ['above it the largest of those that stand still', { a: [40, 1, 1], b: [61, 1, 1] }, 'b'],
    ['above it as many as it takes', { a: [90, 1, 1], b: [110, 1, 1], c: [80, 1, 1] }, 'ba'],
    ['above it nobody who takes something', { a: [60, 1, 2], b: [41, 1, 2] }, ''],
    ['above it nobody who was not there before', { a: [60, undefined, 1], b: [41, undefined, 0] }, ''],
    ['above twice the bound the largest, whatever it takes', { a: [90, 1, 2], b: [111, 1, 2] }, 'b'],
    ['above twice the bound first who stands still', { a: [190, 1, 2], b: [20, 1, 1] }, 'b'],
  ])('cut is %s', (_, all, cut) => {
    const held = Object.entries(all).map(([connection, [bytes, takenBefore, taken]]) => {
      return { connection, bytes, takenBefore, taken };
    });
    expect(whomToCut(held, 100).join('')).toBe(cut);
  });
});
