import { expect, test, vi } from 'vitest';
import { newServer } from './new-server.ts';

/* What is kept ready of tiles and bundles, which nobody sees but by what is read again. */

const GZIP = { 'accept-encoding': 'gzip' };

test.each<[string, string, Record<string, string>, number]>([
  ['a full tile is read once', 'tile/0/000', {}, 1],
  ['a full bundle twice', 'tile/entries/000', {}, 2],
  ['a full bundle as gzip once', 'tile/entries/000', GZIP, 1],
  ['a part of a bundle each time', 'tile/entries/000.p/3', {}, 4],
])('%s', async (_, path, headers, reads) => {
  const { app, log, post } = await newServer();
  const lines = Array.from({ length: 300 }, (_, i) => `${i}`).join('\n');
  await post('entries', lines, { 'content-type': 'application/x-ndjson' });
  const spies = [vi.spyOn(log, 'readBundle'), vi.spyOn(log, 'readTile')];
  const answers: string[] = [];
  for (let times = 0; times < 4; times += 1)
    answers.push(await (await app.request(`/logs/main/${path}`, { headers })).text());
  expect(new Set(answers).size).toBe(1);
  expect(spies.flatMap((spy) => spy.mock.calls)).toHaveLength(reads);
});

test('a bundle that is asked for again after many others is read again', async () => {
  const { app, log } = await newServer();
  const readBundle = vi.spyOn(log, 'readBundle').mockImplementation(() => Buffer.alloc(512));
  const ask = (index: number) => app.request(`/logs/main/tile/entries/${String(index).padStart(3, '0')}`);
  for (const index of [...Array.from({ length: 257 }, (_, i) => i), 0, 0, 256, 256]) await ask(index);
  // The first has been forgotten: it was read three times before it is ready. The last was not.
  expect(readBundle).toHaveBeenCalledTimes(257 + 2 + 1);
});
