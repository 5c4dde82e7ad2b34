import { type Context, Hono } from 'hono';
import { TlogError } from '../core/error.ts';
import { problemResponse } from './problem.ts';

/** What only the operator is to reach where it has a port of its own. */
const OPS_PATH = '/metrics';

/** One application for two ports: what only the operator is to reach, and all the rest. */
export function splitOps(app: Hono): { readonly ops: Hono; readonly rest: Hono } {
  const pass = (c: Context): Response | Promise<Response> => app.fetch(c.req.raw, c.env);
  const notFound = (): Response =>
    problemResponse(new TlogError('not_found', 'there is no such route on this port'));
  const ops = new Hono().all(OPS_PATH, pass).notFound(notFound);
  const rest = new Hono().all(OPS_PATH, notFound).all('*', pass);
  return { ops, rest };
}
