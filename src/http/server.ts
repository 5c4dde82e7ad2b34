import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';

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
