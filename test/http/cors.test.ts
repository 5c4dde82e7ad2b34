import { describe, expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/http/server.ts';
import { newServer } from './new-server.ts';

async function originsOf(method: string, path: string): Promise<(string | number | null)[]> {
  const { app, authorization } = await newServer();
  const server = await startServer(app, { hostname: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const headers = {
    origin: 'https://page.example',
    authorization,
    'content-type': 'application/octet-stream',
  };
  const init = { method, headers, ...(method === 'POST' ? { body: 'x' } : {}) };
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
  const { headers: got } = answer;
  return [
    answer.status,
    got.get('access-control-allow-origin'),
    got.get('access-control-allow-credentials'),
    got.get('access-control-allow-headers'),
  ];
}

describe('HTTP-27 pages of any origin read logs and do nothing else', () => {
  test.each([
    ['GET', '/logs/main/checkpoint', 200, '*'],
    ['HEAD', '/logs/main/checkpoint', 200, '*'],
    ['GET', '/logs/main/entries/9', 404, '*'],
    ['GET', '/logs/none/checkpoint', 404, '*'],
    ['GET', '/logs/main/tile/0/0', 400, '*'],
    ['POST', '/logs/main/entries', 201, null],
    ['POST', '/logs/main/add', 200, null],
    ['OPTIONS', '/logs/main/entries', 405, null],
    ['OPTIONS', '/logs/main/checkpoint', 405, null],
    ['GET', '/metrics', 200, null],
    ['GET', '/healthz', 200, null],
  ])('%s %s', async (method, path, status, origin) => {
    expect(await originsOf(method, path)).toEqual([status, origin, null, null]);
  });
});
