import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';

/**
 * The value of a request's header, named in lower case; undefined when it is absent. Of one that came twice both, joined as RFC
 * 9110 5.3 has it: whoever stands before the server may have looked at either.
 */
export function headerOf(c: Context, name: string): string | undefined {
  const incoming: IncomingMessage | undefined = c.env?.incoming;
  return incoming === undefined ? c.req.header(name) : rawHeader(incoming, name);
}

/** The same of a request that has no context: as node has it, without the headers of Fetch, which take longer. */
export function rawHeader({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  let value: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] ?? '';
    if (given.length !== name.length || given.toLowerCase() !== name) continue;
    const next = rawHeaders[at + 1] ?? '';
    value = value === undefined ? next : `${value}, ${next}`;
  }
  return value;
}
