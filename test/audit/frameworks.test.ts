import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { serve } from '@hono/node-server';
import express, { type Request } from 'express';
import fastify, { type FastifyRequest } from 'fastify';
import { type Context, Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type AuditEntry,
  expressAudit,
  fastifyAudit,
  honoAudit,
  type NewEvent,
  type RequestEvent,
} from '../../src/audit/audit.ts';
import { type ErrorCode, TlogError } from '../../src/core/error.ts';

/** What writes events, and fails when it is told to. */
class Recorder {
  readonly events: NewEvent[] = [];
  failure: ErrorCode | undefined;

  readonly audit = (event: NewEvent): AuditEntry => {
    if (this.failure !== undefined) throw new TlogError(this.failure, 'told to');
    this.events.push(event);
    return { id: 'x', spooled: Promise.resolve(), logged: new Promise(() => undefined) };
  };
}

interface Started {
  readonly url: string;
  readonly recorder: Recorder;
}
type Start = (onFailedWrite: 'fail' | 'pass') => Promise<Started>;

/** Everything but a path that is not to be told. */
function described(path: string, user: string | undefined): RequestEvent | undefined {
  if (path === '/quiet') return undefined;
  return {
    action: 'page.read',
    actor: { type: 'user', id: user ?? 'nobody' },
    targets: [{ type: 'page', id: path }],
  };
}

const LARGE = 'x'.repeat(300_000);
const parts = (): Readable => Readable.from(['a', 'b', LARGE]);

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const startHono: Start = async (onFailedWrite) => {
  const recorder = new Recorder();
  const app = new Hono();
  const describe = (c: Context) => described(c.req.path, c.req.header('x-user'));
  app.use(honoAudit({ audit: recorder, describe, onFailedWrite }));
  app.get('/ok', (c) => c.text('fine', 200, { 'X-Own': 'yes' }));
  app.get('/quiet', (c) => c.text('fine'));
  app.get('/secret', (c) => c.text('no', 403));
  app.get('/broken', () => {
    throw new Error('told to');
  });
  app.get('/stream', (c) => c.body(Readable.toWeb(parts()) as ReadableStream));
  app.onError((_, c) => c.text('broken', 500));
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, recorder };
};

const startExpress: Start = async (onFailedWrite) => {
  const recorder = new Recorder();
  const app = express();
  const describe = (request: Request) => described(request.path, request.get('x-user'));
  app.use(expressAudit({ audit: recorder, describe, onFailedWrite }));
  app.get('/ok', (_, response) => void response.set('X-Own', 'yes').send('fine'));
  app.get('/quiet', (_, response) => void response.send('fine'));
  app.get('/secret', (_, response) => void response.status(403).send('no'));
  app.get('/broken', () => {
    throw new Error('told to');
  });
  app.get('/stream', (_, response) => void parts().pipe(response));
  app.use(
    (_: unknown, __: Request, response: express.Response, ___: unknown) =>
      void response.status(500).send('broken'),
  );
  const listener: RequestListener = app;
  return { url: await listening(createServer(listener)), recorder };
};

const startFastify: Start = async (onFailedWrite) => {
  const recorder = new Recorder();
  const app = fastify();
  const user = (request: FastifyRequest): string | undefined => {
    const value = request.headers['x-user'];
    return typeof value === 'string' ? value : undefined;
  };
  const describe = (request: FastifyRequest) => described(request.url, user(request));
  app.addHook('onSend', fastifyAudit({ audit: recorder, describe, onFailedWrite }));
  app.get('/ok', async (_, reply) => reply.header('X-Own', 'yes').send('fine'));
  app.get('/quiet', async () => 'fine');
  app.get('/secret', async (_, reply) => reply.code(403).send('no'));
  app.get('/broken', async () => {
    throw new Error('told to');
  });
  app.get('/stream', async (_, reply) => reply.send(parts()));
  onTestFinished(() => app.close());
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), recorder };
};

describe.each<[string, Start]>([
  ['Hono', startHono],
  ['Express', startExpress],
  ['Fastify', startFastify],
])('AUDIT-6 middleware for %s', (_, start) => {
  test.each([
    ['/ok', 200, 'success'],
    ['/secret', 403, 'denied'],
    ['/broken', 500, 'failure'],
    ['/none', 404, 'failure'],
    ['/stream', 200, 'success'],
  ])('%s is answered with %i and told once, as %s', async (path, status, outcome) => {
    const { url, recorder } = await start('fail');
    const answer = await fetch(url + path, { headers: { 'X-User': 'alice' } });
    const body = await answer.text();
    expect(answer.status).toBe(status);
    if (path === '/stream') expect(body).toBe(`ab${LARGE}`);
    const targets = [{ type: 'page', id: path }];
    expect(recorder.events).toEqual([
      { action: 'page.read', outcome, actor: { type: 'user', id: 'alice' }, targets },
    ]);
  });

  test('what is not described is no event', async () => {
    const { url, recorder } = await start('fail');
    recorder.failure = 'spool_full';
    expect((await fetch(`${url}/quiet`)).status).toBe(200);
    expect(recorder.events).toEqual([]);
  });

  test.each([
    '/ok',
    '/secret',
    '/stream',
    '/none',
  ])('an event that cannot be written fails the request: %s', async (path) => {
    const { url, recorder } = await start('fail');
    recorder.failure = 'spool_full';
    const answer = await fetch(url + path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
    expect([answer.headers.get('x-own'), answer.headers.get('etag')]).toEqual([null, null]);
    expect(await answer.json()).toMatchObject({
      status: 503,
      detail: 'the audit event could not be written',
    });
    recorder.failure = undefined;
    expect((await fetch(`${url}/ok`)).status).toBe(200);
  });

  test('or is lost, where that is what was chosen', async () => {
    const { url, recorder } = await start('pass');
    recorder.failure = 'not_writable';
    const answer = await fetch(`${url}/ok`);
    expect([answer.status, await answer.text()]).toEqual([200, 'fine']);
    expect(recorder.events).toEqual([]);
  });
});
