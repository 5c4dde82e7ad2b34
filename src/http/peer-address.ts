import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';

/** The IP address that a request came from: of the proxy, where there is one. Empty without a socket. */
export function peerAddress(c: Context): string {
  const incoming: IncomingMessage | undefined = c.env?.incoming;
  return incoming?.socket.remoteAddress ?? '';
}
