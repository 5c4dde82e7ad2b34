import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { Hono } from 'hono';
import { type ErrorCode, TlogError } from '../core/error.ts';
import { andThen, type Now } from '../runtime/now.ts';
import type { ClientRates } from './client-rates.ts';
import { PageReadableResponse } from './cors.ts';
import type { DirectAppend } from './direct-append.ts';
import { PIPELINED_MAX, Pipelines } from './pipelines.ts';
import { problemOf, problemResponse } from './problem.ts';
import { Unsent } from './unsent.ts';
import type { WriteGate } from './write-gate.ts';

/** A listening server; whoever started it closes it. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open now. */
  connections(): Promise<number>;
  /** Takes no more connections, waits for the answers under way up to `drainMs`, then cuts what is left. */
  close(): Promise<void>;
}

/** Bounds on what clients can hold. Times in milliseconds. */
export interface ServerLimits {
  /** From the first byte of a request to the end of its headers. */
  readonly headersMs: number;
  /** To the end of its body. */
  readonly requestMs: number;
  /** Between two requests on a connection. */
  readonly keepAliveMs: number;
  /** Without a byte in either direction: a client that does not read its answer. */
  readonly idleMs: number;
  readonly connectionsMax: number;
  readonly requestsPerConnectionMax: number;
  /** Bytes of answers that wait for clients that take none, on all connections together. */
  readonly unsentBytesMax: number;
  /** How often that is looked at. */
  readonly unsentLookMs: number;
  /** How long a stop waits for answers that are under way. */
  readonly drainMs: number;
}

export const SERVER_LIMITS: ServerLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 5_000,
  idleMs: 60_000,
  connectionsMax: 10_000,
  requestsPerConnectionMax: 10_000,
  unsentBytesMax: 128 * 1024 * 1024,
  unsentLookMs: 250,
  drainMs: 4_000,
};

/** What looks at requests before anything of them is read. */
export interface Doors {
  /** Refuses what is posted while it is full. */
  readonly gate?: WriteGate | undefined;
  /** Refuses clients that ask too often. */
  readonly rates?: ClientRates | undefined;
  /** Gets what failed in the rates or behind them: bugs of ours, answered with 500. */
  readonly onBug?: ((thrown: unknown) => void) | undefined;
}

/** An application; one that takes appends directly is asked first. */
export type ServedApp = Hono & { readonly appendDirectly?: DirectAppend };

/** Listens with bounds on time and connections; port 0 takes a free one. */
export async function startServer(
  app: ServedApp,
  at: { readonly hostname: string; readonly port: number },
  limits: ServerLimits = SERVER_LIMITS,
  doors: Doors = {},
): Promise<RunningServer> {
  const listener = getRequestListener(app.fetch, {
    errorHandler: refuseRequest,
  });
  const pipelines = new Pipelines();
  const take = takeThrough(doors, pipelines, (incoming, outgoing) => {
    if (app.appendDirectly?.(incoming, outgoing) !== true) void listener(incoming, outgoing);
  });
  const server = createServer(nodeOptions(limits), take);
  // Who has said all and waits gets an answer; node would drop it, though the append went through.
  Object.assign(server, { httpAllowHalfOpen: true });
  const refuse = refuser();
  server.on('clientError', (error, socket) => void refuse(error, socket));
  // Node would answer these with no problem, or not at all.
  server.on('checkExpectation', take);
  // Whoever waits for leave to send a body gets it from who reads it, or a refusal instead.
  server.on('checkContinue', take);
  server.on('connect', (_, socket) => void refuse(new Error('no tunnels here'), socket));
  // The bytes of the headers are bounded; beyond a count, node would leave out some and not tell.
  server.maxHeadersCount = 0;
  server.maxConnections = limits.connectionsMax;
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax;
  server.timeout = limits.idleMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Of those that come together node takes one a turn; beyond the 511 that it would let wait, they try again in seconds.
    server.listen({ port: at.port, host: at.hostname, backlog: limits.connectionsMax }, resolve);
  });
  const unsent = new Unsent(limits.unsentBytesMax, (socket) => pipelines.unsentBytes(socket));
  server.on('connection', (socket) => unsent.add(socket));
  const looking = setInterval(() => unsent.look(), limits.unsentLookMs).unref();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    clearInterval(looking);
    closing ??= stop(server, limits.drainMs);
    return closing;
  };
  const connections = promisify(server.getConnections.bind(server));
  const { port } = server.address() as AddressInfo;
  return { port, connections, close, [Symbol.asyncDispose]: close };
}

type Take = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Takes what no door refuses. */
function takeThrough({ gate, rates, onBug }: Doors, pipelines: Pipelines, answer: Take): Take {
  const pass: Take = (incoming, outgoing) => {
    if (gate?.isFull === true && incoming.method === 'POST') gate.refuse(outgoing);
    else if (hasTwoHosts(incoming)) refuseTwoHosts(outgoing);
    else answer(incoming, outgoing);
  };
  return (incoming, outgoing) => {
    // Node drops what came along behind a request to switch protocols: the next answer would pass for an older one's.
    if (incoming.headers.upgrade !== undefined) outgoing.shouldKeepAlive = false;
    if (!pipelines.takes(incoming, outgoing)) return refuseUnseen(outgoing, tooManyAtOnce());
    if (rates === undefined) return pass(incoming, outgoing);
    const asked = (): Now<void> =>
      andThen(rates.refusal(incoming), (why) => {
        if (why === undefined) return pass(incoming, outgoing);
        refuseUnseen(outgoing, why);
        rates.pause(outgoing);
      });
    settle(asked, (thrown) => {
      onBug?.(thrown);
      failUnseen(outgoing, thrown);
    });
  };
}

/** Does something, now or later: however it fails, one is told. */
function settle(work: () => Now<void>, onFailed: (thrown: unknown) => void): void {
  try {
    const done = work();
    if (done instanceof Promise) done.catch(onFailed);
  } catch (thrown) {
    onFailed(thrown);
  }
}

function nodeOptions(limits: ServerLimits): ServerOptions {
  return {
    ServerResponse: PageReadableResponse,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
    insecureHTTPParser: false,
    // Node would answer these with a bare status line; the listener refuses them with a problem.
    requireHostHeader: false,
  };
}

/** A half-sent request must not keep the logs from closing in order, so what is left after a while is cut. */
function stop(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** Node takes the first of two Host headers, a proxy may take the last (RFC 9112 3.2). */
function hasTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}

function refuseTwoHosts(outgoing: ServerResponse): void {
  outgoing.shouldKeepAlive = false;
  refuseUnseen(outgoing, new TlogError('invalid_request', 'the request has two Host headers'));
}

function tooManyAtOnce(): TlogError {
  const message = `more than ${PIPELINED_MAX} requests wait on this connection; nothing was done, read their answers first`;
  return new TlogError('server_busy', message, { details: { retryAfterSec: 1 } });
}

/** Whoever has a part of an answer is told by its end that it is none. */
function failUnseen(outgoing: ServerResponse, thrown: unknown): void {
  if (outgoing.headersSent) outgoing.destroy();
  else refuseUnseen(outgoing, thrown);
}

function refuseUnseen(outgoing: ServerResponse, why: unknown): void {
  const { status, headers, body } = problemOf(why);
  outgoing.writeHead(status, headers);
  outgoing.end(body);
}

/** What is HTTP and yet no request of ours, such as one without Host; all else is a bug, and tells nothing. */
function refuseRequest(error: unknown): Response {
  if (!(error instanceof RequestError)) return problemResponse(error);
  return problemResponse(
    new TlogError('invalid_request', 'the request has no valid address', { cause: error }),
  );
}

const CODE_OF_CLIENT_ERROR: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};

/**
 * Waits for the answers to requests that came whole before what is refused: the refusal must not pass for the answer
 * to an append that went through. Node keeps the answer that is the socket's turn under this name.
 */
async function answersBefore(
  socket: Duplex & { readonly _httpMessage?: ServerResponse | null },
): Promise<void> {
  for (let next = socket._httpMessage; next?.req.complete === true; next = socket._httpMessage)
    await new Promise((closed) => next?.once('close', closed));
}

/** How long what a refused client still sends is read and dropped. */
const LINGER_MS = 1_000;

/**
 * Answers what was not HTTP enough to become a request; node would send a bare status line. Each further piece of
 * it is another error, so the connections that have their answer are known.
 */
function refuser(): (error: NodeJS.ErrnoException, socket: Duplex) => Promise<void> {
  const refused = new WeakSet<Duplex>();
  return async (error, socket) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    await answersBefore(socket);
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const code = CODE_OF_CLIENT_ERROR[error.code ?? ''] ?? 'invalid_request';
    const answer = problemResponse(new TlogError(code, 'the request could not be read'));
    const body = await answer.text();
    const length = `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
    const type = 'Content-Type: application/problem+json';
    socket.end(`HTTP/1.1 ${answer.status} Refused\r\n${type}\r\n${length}\r\n\r\n${body}`);
    // A close before the client has sent all would reset the connection, and the answer would be lost with it.
    const linger = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(linger));
  };
}
