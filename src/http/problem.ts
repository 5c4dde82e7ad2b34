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
  gone: 410,
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

/** What is told of our own faults: nothing of what is in here. */
const FAILED = 'the server failed: the outcome is unknown';
const DAMAGED =
  'stored bytes that this needs are damaged and are not given out: GET audit names them, and the operator has to repair them';

/** A problem (RFC 9457) with `code`, as it is answered. */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The problem of a failure. What is not a TlogError shows nothing of itself. */
export function problemOf(thrown: unknown): Problem {
  const error = thrown instanceof TlogError ? thrown : new TlogError('internal', FAILED);
  const status = STATUS_OF_KIND[error.kind];
  const { code, message, details } = error;
  const { retryAfterSec, allow } = details;
  const isLater = status === 429 || status === 503 || status === 507;
  const headers = {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...(isLater ? { 'Retry-After': `${retryAfterSec ?? 1}` } : {}),
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
    ...(typeof allow === 'string' ? { Allow: allow } : {}),
  };
  const fault = code === 'storage_corrupt' ? DAMAGED : FAILED;
  const shown = status === 500 ? fault : message;
  const body = { ...(status === 500 ? {} : details), type: 'about:blank', status, code, detail: shown };
  return { status, headers, body: JSON.stringify(body) };
}

/** The problem of a failure as an answer. */
export function problemResponse(thrown: unknown): Response {
  return responseOf(problemOf(thrown));
}

export function responseOf({ status, headers, body }: Problem): Response {
  return new Response(body, { status, headers });
}
