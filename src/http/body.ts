import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { type ErrorCode, TlogError } from '../core/error.ts';
import type { BodyMemory } from './body-memory.ts';
import { headerOf } from './headers.ts';

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
  const bytes = Number(headerOf(c, 'content-length') ?? 0);
  if (bytes > limit.bytesMax) throw tooLarge(limit);
  return bytes;
}

/** The same of a request as node has it. */
export function readIncoming(
  incoming: IncomingMessage,
  limit: BodyLimit,
  memory: BodyMemory,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const body = new GrowingBody(memory, limit, Number(incoming.headers['content-length'] ?? limit.bytesMax));
    const onData = (chunk: Uint8Array): void => {
      try {
        body.add(chunk);
      } catch (error) {
        refuse(error as TlogError);
      }
    };
    const onEnd = (): void => {
      stopListening();
      resolve(body.whole());
    };
    const onClose = (): void => refuse(endedEarly());
    const onError = (cause: Error): void => refuse(endedEarly(cause));
    const stopListening = (): void => {
      body.release();
      incoming.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onError);
    };
    const refuse = (error: TlogError): void => {
      stopListening();
      reject(error);
    };
    incoming.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onError);
  });
}

/** How much more room than there was is made for pieces that have none; never more than the whole body takes. */
const GROWTH = 4;

/**
 * The pieces of a body, from the second one on in one buffer: a body may come in pieces of one byte, of which each by
 * itself would take hundreds.
 */
class GrowingBody {
  readonly #memory: BodyMemory;
  readonly #limit: BodyLimit;
  readonly #bytesExpected: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  #held = 0;

  /** @param bytesExpected most that may come */
  constructor(memory: BodyMemory, limit: BodyLimit, bytesExpected: number) {
    this.#memory = memory;
    this.#limit = limit;
    this.#bytesExpected = bytesExpected;
  }

  /** @throws TlogError the limit's code, server_busy */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#limit.bytesMax) throw tooLarge(this.#limit);
    if (this.#length === 0) {
      this.#hold(piece.length);
      this.#bytes = piece;
    } else {
      if (length > this.#bytes.length) this.#makeRoom(length);
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }

  #makeRoom(length: number): void {
    const room = Math.max(length, Math.min(GROWTH * this.#bytes.length, this.#bytesExpected));
    this.#hold(room);
    const grown = Buffer.allocUnsafe(room);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  #hold(bytes: number): void {
    this.release();
    this.#held = this.#memory.hold(bytes);
  }

  /** What has come. It keeps no more memory alive than its own: an entry waits for its commit with all of its body. */
  whole(): Uint8Array {
    if (this.#length === this.#bytes.length) return this.#bytes;
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  /** Counts it no longer; its bytes stay. */
  release(): void {
    this.#memory.release(this.#held);
    this.#held = 0;
  }
}

async function readStream(request: Request, limit: BodyLimit): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > limit.bytesMax) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge({ code, bytesMax }: BodyLimit): TlogError {
  return new TlogError(code, `the body has more than ${bytesMax} bytes`);
}

/** A client that goes away is no fault of ours. */
function endedEarly(cause?: Error): TlogError {
  return new TlogError('invalid_request', 'the body ended early', { cause });
}
