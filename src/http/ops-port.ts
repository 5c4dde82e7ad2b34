import { type Context, Hono } from 'hono';
import { TlogError } from '../core/error.ts';
import { problemResponse } from './problem.ts';
import type { ServedApp } from './server.ts';

/** What only the operator is to reach where it has a port of its own. */
const OPS_PATHS = ['/metrics', '/logs/:log/backup', '/logs/:log/backup/*'];

/** One application for two ports: what only the operator is to reach, and all the rest. */
export function splitOps(app: ServedApp): { readonly ops: Hono; readonly rest: ServedApp } {
  const pass = (c: Context): Response | Promise<Response> => app.fetch(c.req.raw, c.env);
  const notFound = (): Response =>
    problemResponse(new TlogError('not_found', 'there is no such route on this port'));
  const [ops, rest] = [new Hono().notFound(notFound), new Hono()];
  for (const path of OPS_PATHS) {
    ops.all(path, pass);
    rest.all(path, notFound);
  }
  rest.all('*', pass);
  const { appendDirectly } = app;
  return { ops, rest: appendDirectly === undefined ? rest : Object.assign(rest, { appendDirectly }) };
}
