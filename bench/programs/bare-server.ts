import { readFile } from 'node:fs/promises';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

/*
 * bare-server FILE TYPE: reads every body to its end and answers the bytes of FILE. The most that this HTTP stack
 * gives without a log behind it.
 */

const [file, type] = process.argv.slice(2);
if (file === undefined || type === undefined) throw new TypeError('usage: bare-server FILE TYPE');
const answer = new Uint8Array(await readFile(file));
const headers = { 'Content-Type': type };

const app = new Hono();
app.get('*', (c) => c.body(answer, 200, headers));
app.post('*', async (c) => {
  await c.req.arrayBuffer();
  return c.body(answer, 201, headers);
});
const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }));
});
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  if ('closeAllConnections' in server) server.closeAllConnections();
});
