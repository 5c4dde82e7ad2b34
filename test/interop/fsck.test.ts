import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';
import { type LogProcess, startLogProcess } from './log-process.ts';
import { foundGood, TESSERA_FSCK, tesseraFsck } from './tessera-fsck.ts';

// Three levels of tiles, each with a partial tile at its edge.
const ENTRIES = 100_000;

describe.skipIf(goMissing() !== undefined)("Tessera's fsck", () => {
  let tool: GoTool;
  let log: LogProcess;

  beforeAll(async () => {
    tool = await buildGoTool(TESSERA_FSCK);
    log = await startLogProcess();
    await log.append(ENTRIES);
  });
  afterAll(async () => {
    await log?.[Symbol.asyncDispose]();
    await tool?.[Symbol.asyncDispose]();
  });

  test(`accepts every tile and bundle of a log of ${ENTRIES} entries`, async () => {
    expect((await tesseraFsck(tool, log, `${log.url}/`)).stderr).toContain(foundGood(ENTRIES));
  });

  test.each([
    ['a bundle', 'tile/entries/000'],
    ['a tile of leaf hashes', 'tile/0/000'],
    ['a partial tile of level 2', 'tile/2/000.p/1'],
  ])('finds one changed bit in %s', async (_, path) => {
    const mirror = await startFlippingMirror(log.url, path);
    try {
      const { stderr } = await tesseraFsck(
        tool,
        log,
        `http://127.0.0.1:${(mirror.address() as AddressInfo).port}/`,
      );
      expect(stderr).toContain('fsck failed');
      expect(stderr).not.toContain('Successfully');
      // An answer that was cut off would be a failure too, but not the one meant here.
      expect(stderr).not.toContain('EOF');
    } finally {
      mirror.close();
      mirror.closeAllConnections();
    }
  });

  test('does not say so of an address without a log', async () => {
    const { stderr } = await tesseraFsck(tool, log, `${log.url}-none/`);
    expect(stderr).toContain('fsck failed');
    expect(stderr).not.toContain('Successfully');
  });
});

/** Hands on every answer of the log, but flips a bit of the last byte of one file. */
async function startFlippingMirror(logUrl: string, flipped: string): Promise<Server> {
  const answer = async (path: string): Promise<{ status: number; bytes: Buffer }> => {
    const original = await fetch(`${logUrl}${path}`);
    const bytes = Buffer.from(await original.arrayBuffer());
    const last = bytes.length - 1;
    if (path === `/${flipped}`) bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
    return { status: original.status, bytes };
  };
  const server = createServer((request, response) => {
    answer(request.url ?? '').then(
      ({ status, bytes }) => response.writeHead(status).end(bytes),
      // fsck has given up and the log is gone: nobody waits for this answer.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
