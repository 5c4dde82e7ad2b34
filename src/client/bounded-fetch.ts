import { TlogError } from '../core/error.ts';

/** The one of the platform, or a stand-in. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Of an answer other than 2xx so much is read, after decompression, and the rest is let go. */
const REFUSAL_BYTES_MAX = 64 * 1024;

export interface FetchLimits {
  /** Longest body of a 2xx answer, after decompression. */
  readonly bytesMax: number;
  /** From the call to the last byte of the body. */
  readonly timeoutMs: number;
}

/** An answer within the limits: a 2xx one to its end, any other as far as a refusal is read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * One request whose answer is bounded in bytes and time; redirects are refused, so a token stays with its server.
 * How long a refusal is says nothing: an error page in place of a tile of 32 bytes is a refusal, no wrong tile.
 * @throws TlogError malformed_answer when a 2xx body is longer, unreachable when there is no whole answer in time:
 * the server may or may not have done what was asked. The reason of `init.signal` when that aborts.
 */
export async function boundedFetch(
  fetch: Fetch,
  url: string,
  init: RequestInit,
  { bytesMax, timeoutMs }: FetchLimits,
): Promise<Answer> {
  const ending = new AbortController();
  const onAbort = (): void => ending.abort(init.signal?.reason);
  init.signal?.throwIfAborted();
  init.signal?.addEventListener('abort', onAbort);
  const timer = setTimeout(() => ending.abort(unreachable(url, `no answer in ${timeoutMs} ms`)), timeoutMs);
  try {
    const work = readAnswer(fetch, url, { ...init, redirect: 'error', signal: ending.signal }, bytesMax);
    return await Promise.race([work, aborted(ending.signal)]);
  } catch (error) {
    init.signal?.throwIfAborted();
    throw error instanceof TlogError ? error : unreachable(url, 'the connection failed', error);
  } finally {
    clearTimeout(timer);
    init.signal?.removeEventListener('abort', onAbort);
    // Lets go of a body that was not read to its end, and of a fetch that does not listen.
    ending.abort();
  }
}

async function readAnswer(fetch: Fetch, url: string, init: RequestInit, bytesMax: number): Promise<Answer> {
  const { status, headers, ok, body } = await fetch(url, init);
  const limit = ok ? bytesMax : REFUSAL_BYTES_MAX;
  const bytes = await readStart(body, limit);
  if (ok && bytes.length > limit)
    throw new TlogError('malformed_answer', `${url} answered with more than ${bytesMax} bytes`);
  return { status, headers, body: bytes.subarray(0, limit) };
}

/** All of a body, or as many chunks of it as are longer than the limit. */
async function readStart(body: Response['body'], limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body?.getReader();
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) {
    chunks.push(next.value);
    length += next.value.length;
    if (length <= limit) continue;
    // Not awaited: a server that hangs must not hold us, and no more of the answer is wanted.
    reader?.cancel().catch(() => undefined);
    break;
  }
  return joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function unreachable(url: string, what: string, cause?: unknown): TlogError {
  return new TlogError('unreachable', `${url}: ${what}; is the server running?`, { cause });
}
