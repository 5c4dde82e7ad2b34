import {
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Lets pages of any origin read logs and the refusals of reads. Nothing is said to preflights, so a page sends neither
 * tokens nor bodies from elsewhere: writing, and logs that are read with a token, stay out of its reach.
 */
export class PageReadableResponse<
  Asked extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Asked> {
  /** Adds the header together with the others: one that is set before them costs every answer node's slow way. */
  override writeHead(status: number, first?: string | Headers, second?: Headers): this {
    const isRead = this.req.method === 'GET' || this.req.method === 'HEAD';
    if (!isRead || this.req.url?.startsWith('/logs/') !== true)
      return super.writeHead(status, first as string, second);
    if (typeof first !== 'string' && !Array.isArray(first))
      return super.writeHead(status, { ...first, 'Access-Control-Allow-Origin': '*' });
    this.setHeader('Access-Control-Allow-Origin', '*');
    return super.writeHead(status, first as string, second);
  }
}
