import { TlogError } from '../core/error.ts';

/** The one of the platform, or a stand-in. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface FetchLimits {
  /** Longest body, after decompression. */
  readonly bytesMax: number;
  /** From the call to the last byte of the body. */
  readonly timeoutMs: number;
}

/** An answer that was read to its end within the limits, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * One request whose answer is bounded in bytes and time; redirects are refused, so a token stays with its server.
 * @throws TlogError malformed_answer when the body is longer, unreachable when there is no whole answer in time:
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
  const response = await fetch(url, init);
  const { status, headers } = response;
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) {
    length += next.value.length;
    if (length > bytesMax) {
      // Not awaited: a server that hangs must not hold us, and the answer is refused either way.
      reader?.cancel().catch(() => undefined);
      throw new TlogError('malformed_answer', `${url} answered with more than ${bytesMax} bytes`);
    }
    chunks.push(next.value);
  }
  return { status, headers, body: joined(chunks, length) };
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
