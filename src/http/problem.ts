import { type ErrorKind, TlogError } from '../core/error.ts';

/** Status of each kind of failure. A check that failed in here is our own fault, so 500. */
export const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  input: 400,
  unauthorized: 401,
  forbidden: 403,
  absent: 404,
  method: 405,
  timeout: 408,
  conflict: 409,
  length: 411,
  too_large: 413,
  media_type: 415,
  unprocessable: 422,
  limited: 429,
  headers: 431,
  busy: 503,
  unavailable: 503,
  full: 507,
  verification: 500,
  refused: 500,
  fatal: 500,
};

/** Whether the answer to this would be 500: a bug of ours, or stored bytes that failed a check. */
export function isOwnFault(thrown: unknown): boolean {
  return !(thrown instanceof TlogError) || STATUS_OF_KIND[thrown.kind] === 500;
}

/** An application/problem+json answer (RFC 9457) with `code`. What is not a TlogError shows nothing of itself. */
export function problemResponse(thrown: unknown): Response {
  const error =
    thrown instanceof TlogError
      ? thrown
      : new TlogError('internal', 'the server failed: the outcome is unknown');
  const status = STATUS_OF_KIND[error.kind];
  const headers = new Headers({ 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' });
  const { retryAfterSec } = error.details;
  if (status === 429 || status === 503 || status === 507) headers.set('Retry-After', `${retryAfterSec ?? 1}`);
  if (status === 401) headers.set('WWW-Authenticate', 'Bearer');
  const { code, message, details } = error;
  if (typeof details['allow'] === 'string') headers.set('Allow', details['allow']);
  const shown = status === 500 ? 'the server failed: the outcome is unknown' : message;
  const body = { ...(status === 500 ? {} : details), type: 'about:blank', status, code, detail: shown };
  return new Response(JSON.stringify(body), { status, headers });
}
