import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { type ErrorCode, TlogError } from '../core/error.ts';

/** Longest body, and the code of the refusal of a longer one. */
export interface BodyLimit {
  readonly bytesMax: number;
  readonly code: ErrorCode;
}

/**
 * The bytes of a request's body. Taken from the socket where there is one: a Fetch body costs as much as all the
 * rest of a request.
 * @throws TlogError the limit's code when longer; invalid_request when the body ends before its end
 */
export async function readBody(c: Context, limit: BodyLimit): Promise<Uint8Array> {
  if (Number(c.req.header('content-length') ?? 0) > limit.bytesMax) throw tooLarge(limit);
  const incoming: IncomingMessage | undefined = c.env?.incoming;
  return incoming === undefined ? readStream(c.req.raw, limit) : readIncoming(incoming, limit);
}

function readIncoming(incoming: IncomingMessage, limit: BodyLimit): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const onData = (chunk: Uint8Array): void => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > limit.bytesMax) refuse(tooLarge(limit));
    };
    const onEnd = (): void => {
      stopListening();
      resolve(joined(chunks));
    };
    const onClose = (): void => refuse(endedEarly());
    const onError = (cause: Error): void => refuse(endedEarly(cause));
    const stopListening = (): void => {
      incoming.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onError);
    };
    const refuse = (error: TlogError): void => {
      stopListening();
      reject(error);
    };
    incoming.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onError);
  });
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

async function readStream(request: Request, limit: BodyLimit): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > limit.bytesMax) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return joined(chunks);
}

function tooLarge({ code, bytesMax }: BodyLimit): TlogError {
  return new TlogError(code, `the body has more than ${bytesMax} bytes`);
}

/** A client that goes away is no fault of ours. */
function endedEarly(cause?: Error): TlogError {
  return new TlogError('invalid_request', 'the body ended early', { cause });
}
