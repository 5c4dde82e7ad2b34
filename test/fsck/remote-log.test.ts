import { describe, expect, test } from 'vitest';
import { logAccess } from '../../src/client/access.ts';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogCalls } from '../../src/client/log-calls.ts';
import { formatBase64 } from '../../src/core/encoding/base64.ts';
import { type FsckResult, fsckLog } from '../../src/fsck/fsck-log.ts';
import { RemoteLog } from '../../src/fsck/remote-log.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import {
  bytesOf,
  entryTexts,
  LOG_URL,
  lying,
  members,
  type ServedLog,
  servedLog,
} from '../support/served-logs.ts';

const size = 256 * 3 + 10;

function check(served: ServedLog, fetch: Fetch = served.fetch): Promise<FsckResult> {
  const retry = { sleep: async () => undefined, random: () => 0 };
  const calls = new LogCalls(logAccess({ logUrl: LOG_URL, fetch, retry }));
  const log = new RemoteLog(calls, served.log.publishedHead);
  return fsckLog(log, { hasher: nodeHasher, verifyHead: () => undefined });
}

async function changed(honest: Response, change: (bytes: Buffer) => Buffer): Promise<Response> {
  return new Response(new Uint8Array(change(Buffer.from(await honest.arrayBuffer()))));
}

const flip = (at: number) => (honest: Response) =>
  changed(honest, (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  });
const gone = () => new Response('', { status: 404 });

describe('FSCK-4 a served log is re-hashed from outside', () => {
  test.each([0, 1, 256, size])('a sound log of %i', async (entries) => {
    const served = await servedLog(entries);
    expect(await check(served)).toMatchObject({ entries, heads: 1 });
  });

  test.each<[string, string, (honest: Response) => Response | Promise<Response>, object]>([
    ['an entry', 'tile/entries/001', flip(9), { part: 'entry', index: 256 }],
    ['the last entry', 'tile/entries/003.p/10', flip(2), { part: 'entry', index: 768 }],
    ['a leaf hash', 'tile/0/002', flip(32 * 7), { part: 'entry', index: 519 }],
    ['a tile above', 'tile/1/000.p/3', flip(0), { part: 'tile', level: 1, index: 0 }],
    [
      'a bundle cut off',
      'tile/entries/001',
      (r) => changed(r, (b) => b.subarray(1)),
      { part: 'bundle', index: 1 },
    ],
    [
      'a tile cut off',
      'tile/0/001',
      (r) => changed(r, (b) => b.subarray(32)),
      { part: 'tile', level: 0, index: 1 },
    ],
    ['a bundle gone', 'tile/entries/002', gone, { part: 'bundle', index: 2 }],
    ['a tile gone', 'tile/0/003.p/10', gone, { part: 'tile', level: 0, index: 3 }],
  ])('%s', async (_, part, lie, difference) => {
    const served = await servedLog(size);
    const result = await check(served, lying(served.fetch, part, lie));
    expect(result.difference).toMatchObject(difference);
  });

  test.each([
    ['of the entries', nodeHasher.leafHash(bytesOf('entry 0')), undefined, 2],
    ['of others', nodeHasher.leafHash(bytesOf('entry 1')), { part: 'head', index: 1 }, 0],
  ])('a kept head %s', async (_, rootHash, difference, heads) => {
    const served = await servedLog(3);
    const kept = { treeSize: 1, rootHash: formatBase64(rootHash), checkpoint: 'note' };
    const lie = members((answer) => ({
      ...answer,
      checkpoints: [kept, ...(answer['checkpoints'] as object[])],
    }));
    const result = await check(served, lying(served.fetch, 'checkpoints', lie));
    expect([result.difference?.part, result.difference?.index]).toEqual([
      difference?.part,
      difference?.index,
    ]);
    expect(result.heads).toBe(heads);
  });

  test('a folder of tiles lists no heads, and growth during the check is not its business', async () => {
    const served = await servedLog(size);
    const checked = check(served, lying(served.fetch, 'checkpoints', gone));
    await served.append(...entryTexts(size, size + 300));
    expect(await checked).toEqual({ entries: size, heads: 1, tiles: 5 });
  });

  test('a server that fails is no difference', async () => {
    const served = await servedLog(size);
    const failing = lying(served.fetch, 'tile/0/001', () => new Response('', { status: 500 }));
    await expect(check(served, failing)).rejects.toMatchObject({ code: 'unreachable' });
  });
});
