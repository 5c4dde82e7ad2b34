import { type Context, Hono } from 'hono';
import { TlogError } from '../core/error.ts';
import type { Log } from '../sequencer/log.ts';
import { checkpoint, keepPrivate } from './answer.ts';
import { append } from './append.ts';
import { describeLog } from './describe.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { isOwnFault, problemResponse } from './problem.ts';
import { consistency, inclusion, multiByBody, multiByQuery } from './proofs.ts';
import { checkPlainPath, rawPath } from './raw-path.ts';
import { checkpoints, entryPage, oneEntry, tile } from './reads.ts';
import { knownPath } from './routes.ts';
import { authorize, type Scope, type TokenSource } from './tokens.ts';

/** What the server serves and how it knows who may. */
export interface AppDeps {
  readonly logs: { names(): string[]; get(name: string): Promise<Log | undefined> };
  readonly tokens: TokenSource;
  readonly clock: { nowMs(): number };
  /** Gets what was answered with 500: bugs of ours and stored bytes that failed a check. */
  readonly onBug?: (thrown: unknown) => void;
}

type Answer = (c: Context, log: Log) => Promise<Response>;

/** The HTTP interface of spec/http.md. Every answer that is not 2xx or 304 is problem+json. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono();
  const metrics = createMetrics(deps.clock);
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
  app.use('*', (c, next) => {
    checkPlainPath(rawPath(c));
    return next();
  });
  const openLog = async (name: string): Promise<Log> => {
    const log = await deps.logs.get(name);
    if (log === undefined) throw new TlogError('unknown_log', 'there is no log of this name');
    metrics.watch(log);
    return log;
  };
  serverRoutes(app, { deps, metrics, openLogs: () => Promise.all(deps.logs.names().map(openLog)) });
  logRoutes(app, { deps, metrics, openLog });
  app.all('*', (c) => {
    const allow = knownPath(c.req.path)?.allow;
    if (allow === undefined) throw new TlogError('not_found', 'there is no such route');
    const message = `no ${c.req.method} on this path`;
    throw new TlogError('method_not_allowed', message, { details: { allow } });
  });
  return app;
}

interface ServerRoutes {
  readonly deps: AppDeps;
  readonly metrics: Metrics;
  openLogs(): Promise<Log[]>;
}

function serverRoutes(app: Hono, { deps, metrics, openLogs }: ServerRoutes): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => readiness(c, await openLogs()));
  app.get('/metrics', async () => {
    await openLogs();
    return new Response(await metrics.text(), { headers: { 'Content-Type': metrics.contentType } });
  });
  app.get('/logs', (c) => c.json({ logs: deps.logs.names() }));
}

interface LogRoutes {
  readonly deps: AppDeps;
  readonly metrics: Metrics;
  openLog(name: string): Promise<Log>;
}

function logRoutes(app: Hono, { deps, metrics, openLog }: LogRoutes): void {
  const permit = (c: Context, scope: Scope, log: string) => {
    const authorization = c.req.header('authorization');
    return authorize(deps.tokens, { authorization, scope, log, nowMs: deps.clock.nowMs() });
  };
  const read = (answer: Answer) => async (c: Context) => {
    const log = await openLog(c.req.param('log') ?? '');
    if (log.reads === 'public') return answer(c, log);
    await permit(c, 'read', log.name);
    return keepPrivate(await answer(c, log));
  };
  for (const [path, answer] of Object.entries(READS)) app.get(`/logs/:log/${path}`, read(answer));
  app.post('/logs/:log/proofs/multi', read(multiByBody));
  const write = (isAdd: boolean) => async (c: Context) => {
    const token = await permit(c, 'append', c.req.param('log') ?? '');
    const log = await openLog(c.req.param('log') ?? '');
    const count = (outcome: string): void => metrics.append(log.name, outcome);
    try {
      if (log.kind === 'events') throw new TlogError('wrong_log_kind', 'this log takes events only');
      return await append(c, log, { tokenId: token.id, isAdd, onAppended: count });
    } catch (error) {
      count(error instanceof TlogError ? error.code : 'internal');
      throw error;
    }
  };
  app.post('/logs/:log/entries', write(false));
  app.post('/logs/:log/add', write(true));
}

const READS: Readonly<Record<string, Answer>> = {
  checkpoint,
  checkpoints,
  'tile/*': tile,
  entries: entryPage,
  'entries/:index': oneEntry,
  'proofs/inclusion': inclusion,
  'proofs/consistency': consistency,
  'proofs/multi': multiByQuery,
  log: describeLog,
};

/** 200 once every log takes entries; else the reason of the first that does not, and which they are. */
function readiness(c: Context, logs: readonly Log[]): Response {
  const waiting = logs.filter((log) => !log.status().acceptsEntries);
  const reason = waiting[0]?.status().reason;
  if (reason === undefined) return c.json({ status: 'ready' });
  const names = waiting.map((log) => log.name);
  throw new TlogError(reason, `these logs take no entries now: ${names.join(', ')}`, {
    details: { logs: names },
  });
}
