import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Lets pages of any origin read logs and the refusals of reads. Nothing is said to preflights, so a page sends neither
 * tokens nor bodies from elsewhere: writing, and logs that are read with a token, stay out of its reach.
 */
export function allowPagesToRead({ method, url }: IncomingMessage, outgoing: ServerResponse): void {
  const isRead = method === 'GET' || method === 'HEAD';
  if (isRead && url?.startsWith('/logs/') === true) outgoing.setHeader('Access-Control-Allow-Origin', '*');
}
