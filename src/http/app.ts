import { type Context, Hono } from 'hono';
import { TlogError } from '../core/error.ts';
import { andThen, type Now } from '../runtime/now.ts';
import type { Log } from '../sequencer/log.ts';
import type { AlertSource } from './alert-metrics.ts';
import { checkpoint, keepPrivate } from './answer.ts';
import { type AppendCall, append } from './append.ts';
import { audit, type ScrubSource } from './audit.ts';
import { type BackupSource, backupEvents, backupFacts, backupRetries } from './backup.ts';
import { backupPayloads, backupSeeds } from './backup-payloads.ts';
import { ASKED_BODIES_BYTES_MAX, BodyMemory } from './body-memory.ts';
import { describeLog } from './describe.ts';
import { createDirectAppend, type DirectAppend } from './direct-append.ts';
import { type EventReading, readHere } from './event-reading.ts';
import { eventRaw, oneEvent } from './event-reads.ts';
import { appendEvents } from './events.ts';
import { headerOf } from './headers.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { isOwnFault, type Problem, problemOf, responseOf } from './problem.ts';
import { consistency, inclusion, multiByBody, multiByQuery } from './proofs.ts';
import { checkPlainPath, rawPath } from './raw-path.ts';
import { checkpoints, createEntryPages, oneEntry } from './reads.ts';
import { methodsOf } from './routes.ts';
import { createTileAnswers } from './tile-answers.ts';
import { authorize, type KnownToken, type Scope, type TokenSource } from './tokens.ts';
import type { WitnessingSource } from './witnessing.ts';
import { WriteGate } from './write-gate.ts';

/** What the server serves and how it knows who may. */
export interface AppDeps {
  readonly logs: { names(): string[]; get(name: string): Now<Log | undefined> };
  readonly tokens: TokenSource;
  readonly clock: { nowMs(): number };
  /** Counts the bodies of appends that are on their way. */
  readonly bodies?: BodyMemory;
  /** Counts the bodies of questions. A public log asks no token for them: whoever fills this must keep nobody from appending. */
  readonly askedBodies?: BodyMemory;
  /** Counts the appends that wait; the server that listens looks at the same one. */
  readonly gate?: WriteGate;
  /** Knows how many requests were refused for the rate of their client. */
  readonly rates?: { readonly refused: number } | undefined;
  /** Reads the bodies of events; by default between other work. */
  readonly reading?: EventReading;
  readonly scrub?: ScrubSource;
  readonly witnessing?: WitnessingSource;
  readonly alerts?: AlertSource;
  /** What backups need; without it there are no routes for them. */
  readonly backup?: BackupSource;
  /** Gets what was answered with 500: bugs of ours and stored bytes that failed a check. */
  readonly onBug?: (thrown: unknown) => void;
}

/** What only backups ask for, by path. */
const BACKUP_ANSWERS: Readonly<Record<string, typeof backupFacts>> = {
  backup: backupFacts,
  'backup/retries': backupRetries,
  'backup/events': backupEvents,
  'backup/payloads': backupPayloads,
  'backup/seeds': backupSeeds,
};

type Answer = (c: Context, log: Log) => Now<Response>;
type Handler = (c: Context) => Now<Response>;
/** Takes what is appended. */
type Take = (c: Context, log: Log, call: Omit<AppendCall, 'isAdd'>) => Promise<Response>;

/** The HTTP interface, and a shorter way for what node has in hand. */
export type LogApp = Hono & { readonly appendDirectly: DirectAppend };

/** The HTTP interface of spec/http.md. Every answer that is not 2xx or 304 is problem+json. */
export function createApp(deps: AppDeps): LogApp {
  const app = new Hono();
  const { gate = new WriteGate() } = deps;
  const metrics = createMetrics({ ...deps, gate });
  const problem = (thrown: unknown): Problem => {
    if (isOwnFault(thrown)) deps.onBug?.(thrown);
    return problemOf(thrown);
  };
  const refused = (thrown: unknown): Response => responseOf(problem(thrown));
  // No middleware: a route that is alone on its path is called by Hono at once, and a read may answer at once.
  const route = (label: string, handler: Handler): Handler => {
    const answered = (c: Context, startMs: number, answer: Response): Response => {
      metrics.request(label, c.req.method, answer.status, deps.clock.nowMs() - startMs);
      return answer;
    };
    return (c) => {
      const startMs = deps.clock.nowMs();
      try {
        checkPlainPath(rawPath(c));
        const answer = handler(c);
        if (!(answer instanceof Promise)) return answered(c, startMs, answer);
        return answer.catch(refused).then((late) => answered(c, startMs, late));
      } catch (thrown) {
        return answered(c, startMs, refused(thrown));
      }
    };
  };
  app.onError(refused);
  app.notFound(route('unknown', noSuchRoute));
  const openLog = (name: string): Now<Log> =>
    andThen(deps.logs.get(name), (log) => {
      if (log === undefined) throw new TlogError('unknown_log', 'there is no log of this name');
      metrics.watch(log);
      return log;
    });
  const permit = (authorization: string | undefined, scope: Scope, log: string): Now<KnownToken> =>
    authorize(deps.tokens, { authorization, scope, log, nowMs: deps.clock.nowMs() });
  const onRefused = (log: string, error: unknown): void => {
    const code = error instanceof TlogError ? error.code : 'internal';
    if (code === 'queue_full') gate.shut();
    metrics.append(log, code);
  };
  const bodies = deps.bodies ?? new BodyMemory();
  const parts = { app, deps, metrics, bodies, gate, route, permit, openLog, onRefused };
  serverRoutes(parts);
  logRoutes(parts);
  return Object.assign(app, { appendDirectly: directAppend(parts, problem) });
}

/** What the routes are made with. */
interface Parts {
  readonly app: Hono;
  readonly deps: AppDeps;
  readonly metrics: Metrics;
  readonly bodies: BodyMemory;
  readonly gate: WriteGate;
  route(label: string, handler: Handler): Handler;
  permit(authorization: string | undefined, scope: Scope, log: string): Now<KnownToken>;
  openLog(name: string): Now<Log>;
  /** Counts an append that was refused. */
  onRefused(log: string, error: unknown): void;
}

function directAppend(
  { deps, metrics, bodies, gate, permit, openLog, onRefused }: Parts,
  problem: (thrown: unknown) => Problem,
): DirectAppend {
  const nowMs = (): number => deps.clock.nowMs();
  return createDirectAppend({
    ...{ bodies, gate, openLog, onRefused, problem, nowMs },
    permit: (authorization, log) => permit(authorization, 'append', log),
    onAppended: (log, outcome) => metrics.append(log, outcome),
    onAnswered: (status, startMs) => metrics.request('entries', 'POST', status, nowMs() - startMs),
  });
}

function noSuchRoute(c: Context): Response {
  const allow = methodsOf(c.req.path);
  if (allow === undefined) throw new TlogError('not_found', 'there is no such route');
  throw new TlogError('method_not_allowed', `no ${c.req.method} on this path`, { details: { allow } });
}

function serverRoutes({ app, deps, metrics, route, openLog }: Parts): void {
  const openLogs = async (): Promise<Log[]> => Promise.all(deps.logs.names().map(openLog));
  const text = async (): Promise<Response> => {
    await openLogs();
    return new Response(await metrics.text(), { headers: { 'Content-Type': metrics.contentType } });
  };
  const ready = async (c: Context): Promise<Response> => readiness(c, await openLogs());
  app.get(
    '/healthz',
    route('healthz', (c) => c.json({ status: 'ok' })),
  );
  app.get('/readyz', route('readyz', ready));
  app.get('/metrics', route('metrics', text));
  app.get(
    '/logs',
    route('logs', (c) => c.json({ logs: deps.logs.names() })),
  );
}

function logRoutes({ app, deps, metrics, bodies, gate, route, openLog, onRefused, ...parts }: Parts): void {
  const permit = (c: Context, scope: Scope, log: string): Now<KnownToken> =>
    parts.permit(headerOf(c, 'authorization'), scope, log);
  const read = (answer: Answer): Handler => {
    const permitted = (c: Context, log: Log): Now<Response> =>
      andThen(permit(c, 'read', log.name), () => andThen(answer(c, log), keepPrivate));
    return (c) =>
      andThen(openLog(c.req.param('log') ?? ''), (log) =>
        log.reads === 'public' ? answer(c, log) : permitted(c, log),
      );
  };
  const write = (take: Take) => async (c: Context) => {
    const name = c.req.param('log') ?? '';
    const token = await permit(c, 'append', name);
    const log = await openLog(name);
    const count = (outcome: string): void => metrics.append(name, outcome);
    try {
      const witnessing = deps.witnessing?.(name);
      return await take(c, log, { tokenId: token.id, bodies, gate, witnessing, onAppended: count });
    } catch (error) {
      onRefused(name, error);
      throw error;
    }
  };
  for (const [path, { label, answer }] of Object.entries(createReads(deps)))
    app.get(`/logs/:log/${path}`, route(label, read(answer)));
  const { backup } = deps;
  if (backup !== undefined) {
    const admin =
      (answer: typeof backupFacts): Handler =>
      async (c) => {
        const name = c.req.param('log') ?? '';
        await permit(c, 'admin', name);
        return answer(c, await openLog(name), backup);
      };
    for (const [path, answer] of Object.entries(BACKUP_ANSWERS))
      app.get(`/logs/:log/${path}`, route('backup', admin(answer)));
  }
  const { askedBodies = new BodyMemory(ASKED_BODIES_BYTES_MAX) } = deps;
  const multi: Answer = (c, log) => multiByBody(c, log, askedBodies);
  app.post('/logs/:log/proofs/multi', route('proofs/multi', read(multi)));
  app.post('/logs/:log/entries', route('entries', write(entriesOnly(false))));
  app.post('/logs/:log/add', route('add', write(entriesOnly(true))));
  app.post('/logs/:log/events', route('events', write(eventsReadBy(deps.reading))));
  const query =
    (answer: typeof oneEvent): Handler =>
    async (c) => {
      const name = c.req.param('log') ?? '';
      await permit(c, 'query', name);
      return answer(c, await openLog(name));
    };
  app.get('/logs/:log/events/:event', route('events', query(oneEvent)));
  app.get('/logs/:log/events/:event/raw', route('events/raw', query(eventRaw)));
}

/** Raw bytes must never pass for a record that the server has made. */
function entriesOnly(isAdd: boolean): Take {
  return async (c, log, call) => {
    if (log.kind === 'entries') return append(c, log, { ...call, isAdd });
    throw new TlogError('wrong_log_kind', 'this log takes events only');
  };
}

function eventsReadBy(reading: EventReading = readHere): Take {
  return (c, log, call) => appendEvents(c, log, reading, call);
}

/** The read routes below a log, with the label that metrics give them. */
function createReads({
  scrub = () => undefined,
  witnessing = () => undefined,
  onBug,
}: Pick<AppDeps, 'scrub' | 'witnessing' | 'onBug'>): Readonly<
  Record<string, { readonly label: string; readonly answer: Answer }>
> {
  return {
    audit: { label: 'audit', answer: (c, log) => audit(c, log, scrub(log.name)) },
    checkpoint: { label: 'checkpoint', answer: checkpoint },
    checkpoints: { label: 'checkpoints', answer: checkpoints },
    'tile/*': { label: 'tile', answer: createTileAnswers() },
    entries: { label: 'entries', answer: createEntryPages({ onBug }) },
    'entries/:index': { label: 'entries', answer: oneEntry },
    'proofs/inclusion': {
      label: 'proofs/inclusion',
      answer: (c, log) => inclusion(c, log, witnessing(log.name)),
    },
    'proofs/consistency': { label: 'proofs/consistency', answer: consistency },
    'proofs/multi': { label: 'proofs/multi', answer: multiByQuery },
    log: { label: 'log', answer: (c, log) => describeLog(c, log, witnessing) },
  };
}

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
