import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { TlogError } from '../core/error.ts';
import { checkOutboundUrl, publicLookup } from './outbound.ts';

/** One POST of JSON. */
export interface Post {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
  /** True where the operator has named this address: it may be http and private. */
  readonly allowInternal: boolean;
  /** Tests replace how a name is looked up. */
  readonly lookup?: LookupFunction;
}

/**
 * Resolves once the answer is 2xx. A redirect is no 2xx: it could lead anywhere. Each has a connection of its own, as a kept one
 * would skip the look at its address. @throws TlogError not_delivered, address_refused
 */
export async function postJson(post: Post): Promise<void> {
  if (!post.allowInternal) checkOutboundUrl(post.url);
  const status = await statusOf(post).catch((cause: Error) => {
    if (cause instanceof TlogError) throw cause;
    throw new TlogError('not_delivered', `${post.url.host}: ${cause.message}`, { cause });
  });
  if (status < 200 || status > 299)
    throw new TlogError('not_delivered', `${post.url.host} answered ${status}`);
}

function statusOf({ url, headers, body, signal, allowInternal, lookup }: Post): Promise<number> {
  const ask = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const looked = allowInternal && lookup === undefined ? {} : { lookup: lookup ?? publicLookup() };
  return new Promise((resolve, reject) => {
    const length = String(Buffer.byteLength(body));
    const all = { 'Content-Type': 'application/json', 'Content-Length': length, ...headers };
    const options = { method: 'POST', headers: all, agent: false, signal, ...looked };
    const request = ask(url, options, (response) => {
      resolve(response.statusCode ?? 0);
      // The status says all; a body could go on for ever.
      response.destroy();
    });
    request.on('error', reject);
    request.end(body);
  });
}
