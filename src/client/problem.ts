import { parseShallowJson } from '../core/encoding/json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { ERROR_CODES, type ErrorCode, type ErrorKind, TlogError } from '../core/error.ts';
import type { Answer } from './bounded-fetch.ts';

/**
 * Kinds that say something of our own process. A server that names such a code is not believed: only our own checks
 * may raise an alarm of a fork.
 */
const OWN_KINDS: readonly ErrorKind[] = ['verification', 'refused', 'fatal', 'unavailable'];

/** The error that an answer other than 2xx stands for; all of the answer may be chosen by an attacker. */
export function refusalOf(url: string, answer: Answer): TlogError {
  const { status, body } = answer;
  const { code, detail, treeSize } = problemOf(body);
  const said = oneLine(
    [code, detail]
      .filter((part) => typeof part === 'string')
      .join(': ')
      .slice(0, 500),
  );
  const message = `${url} answered ${status}${said === '' ? '' : ` ${said}`}`;
  const restSec = retryAfterSec(answer);
  const details = {
    ...(typeof treeSize === 'number' ? { treeSize } : {}),
    ...(restSec > 0 ? { retryAfterSec: restSec } : {}),
  };
  return new TlogError(codeOf(status, code), message, { details });
}

/**
 * For how many seconds the server wants to be left alone, unbounded; 0: it does not say. A date is not read: it would need a clock
 * that agrees with the server's.
 */
export function retryAfterSec({ headers }: Answer): number {
  const text = headers.get('retry-after');
  return text !== null && /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
}

/** A server's words end up in logs and terminals: they must not pass for a line of ours. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

function codeOf(status: number, code: unknown): ErrorCode {
  if (isServerCode(code)) return code;
  if (status >= 500) return 'unreachable';
  return status === 404 ? 'not_found' : 'invalid_request';
}

function isServerCode(code: unknown): code is ErrorCode {
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code)) return false;
  return !OWN_KINDS.includes(ERROR_CODES[code as ErrorCode].kind);
}

function problemOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const problem: unknown = parseShallowJson(utf8Decode(body) ?? '');
    return typeof problem === 'object' && problem !== null ? { ...problem } : {};
  } catch {
    return {}; // SyntaxError: not problem+json, such as a proxy's page; the status alone has to do
  }
}
