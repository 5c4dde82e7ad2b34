import { isAnswerable, REFUSAL, type RequestAuditOptions } from './request-event.ts';

/** What is used of a reply of Fastify. */
export interface ReplyOfFastify {
  readonly statusCode: number;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  removeHeader(name: string): unknown;
  getHeaders(): Readonly<Record<string, unknown>>;
}

/** Hook for Fastify: `app.addHook('onSend', fastifyAudit({…}))`. */
export function fastifyAudit<R>(
  options: RequestAuditOptions<R>,
): (request: R, reply: ReplyOfFastify, payload: unknown) => Promise<unknown> {
  return async (request, reply, payload) => {
    if (isAnswerable(options, request, reply.statusCode)) return payload;
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
    reply.code(REFUSAL.status);
    reply.header('Content-Type', REFUSAL.type);
    destroy(payload);
    return REFUSAL.body;
  };
}

/** A stream that nobody reads would stay open. */
function destroy(payload: unknown): void {
  if (
    typeof payload === 'object' &&
    payload !== null &&
    'destroy' in payload &&
    typeof payload.destroy === 'function'
  )
    payload.destroy();
}
