import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { type ErrorCode, TlogError } from '../core/error.ts';
import type { BodyMemory } from './body-memory.ts';

/** Longest body, and the code of the refusal of a longer one. */
export interface BodyLimit {
  readonly bytesMax: number;
  readonly code: ErrorCode;
}

/**
 * The bytes of a request's body. Taken from the socket where there is one: a Fetch body costs as much as all the
 * rest of a request.
 * @throws TlogError the limit's code when longer; invalid_request when the body ends before its end;
 * server_busy when all bodies under way are too many
 */
export async function readBody(c: Context, limit: BodyLimit, memory: BodyMemory): Promise<Uint8Array> {
  memory.check(announcedBytes(c, limit));
  const incoming: IncomingMessage | undefined = c.env?.incoming;
  if (incoming === undefined) return readStream(c.req.raw, limit);
  if (/^100-continue$/i.test(incoming.headers.expect ?? '')) c.env.outgoing.writeContinue();
  return readIncoming(incoming, limit, memory);
}

/** The Content-Length; 0 where a body comes in chunks. @throws TlogError the limit's code when longer */
export function announcedBytes(c: Context, limit: BodyLimit): number {
  const bytes = Number(c.req.header('content-length') ?? 0);
  if (bytes > limit.bytesMax) throw tooLarge(limit);
  return bytes;
}

function readIncoming(incoming: IncomingMessage, limit: BodyLimit, memory: BodyMemory): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let held = 0;
    const onData = (chunk: Uint8Array): void => {
      length += chunk.length;
      try {
        if (length > limit.bytesMax) throw tooLarge(limit);
        held += memory.hold(chunk);
        chunks.push(chunk);
      } catch (error) {
        refuse(error as TlogError);
      }
    };
    const onEnd = (): void => {
      stopListening();
      resolve(joined(chunks));
    };
    const onClose = (): void => refuse(endedEarly());
    const onError = (cause: Error): void => refuse(endedEarly(cause));
    const stopListening = (): void => {
      memory.release(held);
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
