import type { Context, MiddlewareHandler } from 'hono';
import { isAnswerable, REFUSAL, type RequestAuditOptions } from './request-event.ts';

/** Middleware for Hono: `app.use(honoAudit({…}))`. An error of a handler is its answer of status 500. */
export function honoAudit(options: RequestAuditOptions<Context>): MiddlewareHandler {
  return async (c, next) => {
    await next();
    if (isAnswerable(options, c, c.res.status)) return;
    const { status, type, body } = REFUSAL;
    // Headers of the one before would be taken over.
    c.res = undefined;
    c.res = new Response(body, { status, headers: { 'Content-Type': type } });
  };
}
