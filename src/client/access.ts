import type { Fetch } from './bounded-fetch.ts';
import type { LogAccess } from './log-calls.ts';
import type { RetryDeps } from './retry.ts';

const TIMEOUT_MS = 30_000;
const TRIES_MAX = 5;

/** How a log is reached; all but the address has a default. */
export interface AccessOptions {
  /** Address of the log: what `/checkpoint` is put behind, such as `http://127.0.0.1:8080/logs/main`. */
  readonly logUrl: string;
  /** Access token; reading may be public, appending needs one. */
  readonly token?: string;
  /** The platform's own unless given. */
  readonly fetch?: Fetch;
  /** Form of receipts and proofs on the way; CBOR is about a third smaller. Default `json`. */
  readonly encoding?: 'json' | 'cbor';
  /** From each try to the last byte of its answer. Default 30,000. */
  readonly timeoutMs?: number;
  /** Number of tries of one call, the first included. Default 5. */
  readonly triesMax?: number;
  /** Waiting and randomness between tries; tests replace them. */
  readonly retry?: RetryDeps;
}

/**
 * The options with every default in place.
 * @throws TypeError unless logUrl is http or https, without query and fragment, and the token visible ASCII
 */
export function logAccess(options: AccessOptions): LogAccess {
  const { token, encoding = 'json', timeoutMs = TIMEOUT_MS, triesMax = TRIES_MAX } = options;
  // As a header it would fail on each call, and look like a broken connection.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new TypeError('the token is none: visible ASCII');
  const { fetch = (url, init) => globalThis.fetch(url, init), retry = platformRetry } = options;
  return { logUrl: checkedUrl(options.logUrl), token, fetch, retry, encoding, timeoutMs, triesMax };
}

function checkedUrl(text: string): string {
  const { protocol, search, hash } = new URL(text);
  if (!/^https?:$/.test(protocol) || search !== '' || hash !== '' || /[?#]/.test(text)) {
    throw new TypeError(`not the http or https address of a log: ${JSON.stringify(text.slice(0, 200))}`);
  }
  return text.replace(/\/+$/, '');
}

const platformRetry: RetryDeps = { sleep, random: () => Math.random() };

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
