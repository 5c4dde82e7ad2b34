import { type Context, Hono } from 'hono';
import { TlogError } from '../core/error.ts';
import type { Log } from '../sequencer/log.ts';
import { textAnswer } from './answer.ts';
import { append } from './append.ts';
import { fieldsAnswer } from './fields.ts';
import { createMetrics } from './metrics.ts';
import { isOwnFault, problemResponse } from './problem.ts';
import { consistency, inclusion, multiByBody, multiByQuery } from './proofs.ts';
import { checkpoints, entryPage, oneEntry, tile } from './reads.ts';
import { knownPath } from './routes.ts';
import { authorize, type KnownToken, type Scope, type TokenSource } from './tokens.ts';

/** What the server serves and how it knows who may. */
export interface AppDeps {
  readonly logs: { names(): string[]; get(name: string): Promise<Log | undefined> };
  readonly tokens: TokenSource;
  readonly clock: { nowMs(): number };
  /** Whether reading needs a token with scope `read`. */
  readonly reads: 'public' | 'token';
  /** Gets what was answered with 500: bugs of ours and stored bytes that failed a check. */
  readonly onBug?: (thrown: unknown) => void;
}

type Answer = (c: Context, log: Log) => Promise<Response>;

/** The HTTP interface of spec/http.md. Every answer that is not 2xx or 304 is problem+json. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono();
  const metrics = createMetrics();
  app.onError((thrown) => {
    if (isOwnFault(thrown)) deps.onBug?.(thrown);
    return problemResponse(thrown);
  });
  app.notFound(() => problemResponse(new TlogError('not_found', 'there is no such route')));
  app.use('*', async (c, next) => {
    const startMs = deps.clock.nowMs();
    await next();
    const route = knownPath(c.req.path)?.label ?? 'unknown';
    metrics.request(route, c.req.method, c.res.status, deps.clock.nowMs() - startMs);
  });
  const openLog = async (name: string): Promise<Log> => {
    const log = await deps.logs.get(name);
    if (log === undefined) throw new TlogError('unknown_log', 'there is no log of this name');
    metrics.watch(log);
    return log;
  };
  const openLogs = (): Promise<Log[]> => Promise.all(deps.logs.names().map(openLog));
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => readiness(c, await openLogs()));
  app.get('/metrics', async () => {
    await openLogs();
    return new Response(await metrics.text(), { headers: { 'Content-Type': metrics.contentType } });
  });
  app.get('/logs', (c) => c.json({ logs: deps.logs.names() }));
  const logOf = async (c: Context, scope: Scope): Promise<{ log: Log; token: KnownToken | undefined }> => {
    const name = c.req.param('log') ?? '';
    const isOpen = scope === 'read' && deps.reads === 'public';
    const authorization = c.req.header('authorization');
    const access = { authorization, scope, log: name, nowMs: deps.clock.nowMs() };
    const token = isOpen ? undefined : await authorize(deps.tokens, access);
    return { log: await openLog(name), token };
  };
  for (const [path, answer] of Object.entries(READS))
    app.get(`/logs/:log/${path}`, async (c) => answer(c, (await logOf(c, 'read')).log));
  app.post('/logs/:log/proofs/multi', async (c) => multiByBody(c, (await logOf(c, 'read')).log));
  for (const path of ['entries', 'add'] as const) {
    app.post(`/logs/:log/${path}`, async (c) => {
      const { log, token } = await logOf(c, 'append');
      if (log.kind === 'events') throw new TlogError('wrong_log_kind', 'this log takes events only');
      return append(c, log, token?.id ?? '', path === 'add');
    });
  }
  app.all('*', (c) => {
    const allow = knownPath(c.req.path)?.allow;
    if (allow === undefined) throw new TlogError('not_found', 'there is no such route');
    const message = `no ${c.req.method} on this path`;
    throw new TlogError('method_not_allowed', message, { details: { allow } });
  });
  return app;
}

const READS: Readonly<Record<string, Answer>> = {
  checkpoint: async (_, log) => textAnswer(log.publishedHead.note),
  checkpoints,
  'tile/*': tile,
  entries: entryPage,
  'entries/:index': oneEntry,
  'proofs/inclusion': inclusion,
  'proofs/consistency': consistency,
  'proofs/multi': multiByQuery,
  log: async (c, { name, kind, origin, vkeys, duplicates, leafHashIndex, head }) =>
    fieldsAnswer(c, { name, kind, origin, vkeys, duplicates, leafHashIndex, treeSize: head.size }),
};

function readiness(c: Context, logs: readonly Log[]): Response {
  for (const log of logs) {
    const { acceptsEntries, reason } = log.status();
    if (!acceptsEntries) throw new TlogError(reason ?? 'log_closing', `log ${log.name} takes no entries now`);
  }
  return c.json({ status: 'ready' });
}
