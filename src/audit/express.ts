import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAnswerable, REFUSAL, type RequestAuditOptions } from './request-event.ts';

/** A middleware of Express, or of anything else that hands on what node:http has. */
export type NodeMiddleware<R> = (
  request: R,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Middleware for Express: `app.use(expressAudit({…}))`, before the routes. The event is written when the head of the answer is. */
export function expressAudit<R extends IncomingMessage>(options: RequestAuditOptions<R>): NodeMiddleware<R> {
  return (request, response, next) => {
    guardAnswer(response, (status) => isAnswerable(options, request, status));
    next();
  };
}

/** Asks once, before anything of an answer goes out, whether it may; otherwise the refusal goes out, and nothing after it. */
function guardAnswer(response: ServerResponse, isAllowed: (status: number) => boolean): void {
  const { writeHead, write, end } = response;
  const original = { writeHead, write, end };
  const asking =
    (name: keyof typeof original, instead: unknown) =>
    (...args: unknown[]): unknown => {
      // Only once, and what follows goes the usual way.
      Object.assign(response, original);
      const status = name === 'writeHead' ? Number(args[0]) : response.statusCode;
      if (isAllowed(status)) return Reflect.apply(original[name], response, args);
      refuse(response);
      Object.assign(response, { writeHead: () => response, write: () => true, end: () => response });
      return instead;
    };
  Object.assign(response, {
    writeHead: asking('writeHead', response),
    write: asking('write', true),
    end: asking('end', response),
  });
}

function refuse(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.statusCode = REFUSAL.status;
  response.statusMessage = '';
  response.setHeader('Content-Type', REFUSAL.type);
  response.end(REFUSAL.body);
}
