import { Hono } from 'hono';
import { formatAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { treeSize } from '../../src/core/units.ts';
import { startServer } from '../../src/http/server.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { History, TileLog, type View } from '../support/tile-log.ts';

/*
 * A log that lies, as a process: below /a and /b it is one log, until `POST /fork`. From then on it shows each side a history
 * of its own, consistent in itself, and signs both. It prints its address and key as a line of JSON.
 */

const SHARED = 300;
const first = new History(SHARED + 10);
const second = new History(SHARED + 20, { from: SHARED, name: 'another history' });
const log = new TileLog(createSigner(generateSigningKey(systemRandom, 'log.example/forking').skey));
const sides: Record<string, View> = {
  a: { history: first, size: SHARED },
  b: { history: first, size: SHARED },
};

/** Asks a witness to cosign a side's head, going on from the size that it has. */
async function cosign(url: string, from: number, { history, size }: View): Promise<number> {
  const proof = from === 0 ? [] : history.consistency(from, size);
  const note = await log.note({ history, size });
  const body = formatAddCheckpoint({ oldSize: treeSize(from), proof, note });
  return (await fetch(`${url}/add-checkpoint`, { method: 'POST', body })).status;
}

const app = new Hono();
app.post('/fork', (c) => {
  sides['a'] = { history: first, size: SHARED + 10 };
  sides['b'] = { history: second, size: SHARED + 20 };
  return c.text('forked\n');
});
/** Both sides go to one witness: first what is shared, then side a, then side b as if it went on from what is shared. */
app.post('/witness', async (c) => {
  const url = await c.req.text();
  const shared = await cosign(url, 0, { history: first, size: SHARED });
  const honest = await cosign(url, SHARED, { history: first, size: SHARED + 10 });
  const other = await cosign(url, SHARED + 10, { history: second, size: SHARED + 20 });
  return c.json({ shared, honest, other });
});
app.all('/:side/*', async (c) => {
  const side = sides[c.req.param('side')];
  if (side === undefined) return c.notFound();
  const { pathname, search } = new URL(c.req.url);
  return log.answer(side, `http://log.example/${pathname.split('/').slice(2).join('/')}${search}`);
});

const { port } = await startServer(app, { hostname: '127.0.0.1', port: 0 });
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}`, vkey: log.signer.vkey })}\n`);
