import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { type ErrorCode, TlogError } from '../core/error.ts';
import { problemResponse } from './problem.ts';

/** A listening server; whoever started it closes it. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  /** Takes no more connections and waits for the answers under way. */
  close(): Promise<void>;
}

/** Listens with bounds on time and connections; port 0 takes a free one. */
export async function startServer(
  app: Hono,
  at: { readonly hostname: string; readonly port: number },
): Promise<RunningServer> {
  const limits = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 };
  const options = { ...limits, connectionsCheckingInterval: 1_000, insecureHTTPParser: false };
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server: Server = createServer(options, (incoming, outgoing) => void listener(incoming, outgoing));
  server.on('clientError', (error, socket) => void refuseConnection(error, socket));
  server.maxConnections = 10_000;
  server.maxRequestsPerSocket = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.hostname, resolve);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  return { port: (server.address() as AddressInfo).port, close, [Symbol.asyncDispose]: close };
}

const CODE_OF_CLIENT_ERROR: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'body_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};

/** Answers what was not HTTP enough to become a request; node would send a bare status line. */
async function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex): Promise<void> {
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
}
