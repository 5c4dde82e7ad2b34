import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Answers that may wait on a connection behind one that its client has not taken yet. */
export const PIPELINED_MAX = 32;

/**
 * Knows on each connection the answers to requests that came before the one in front of them had its own taken. Node reads all
 * that one packet brings, a thousand requests, and would keep the answers to all of them for a client that takes none.
 */
export class Pipelines {
  readonly #max: number;
  readonly #waiting = new WeakMap<Socket, Set<ServerResponse>>();

  constructor(max: number = PIPELINED_MAX) {
    this.#max = max;
  }

  /** Takes a request in, unless as many wait as may: then it is not to be looked at. */
  takes({ socket }: IncomingMessage, outgoing: ServerResponse): boolean {
    // An answer has its connection from the start where none is in front of it.
    if (outgoing.socket !== null) return true;
    const waiting = this.#waiting.get(socket) ?? new Set<ServerResponse>();
    if (waiting.size >= this.#max) return false;
    this.#waiting.set(socket, waiting.add(outgoing));
    outgoing.once('close', () => waiting.delete(outgoing));
    return true;
  }

  /** Bytes of answers that a connection holds, that of its turn included. */
  unsentBytes(socket: Socket): number {
    let bytes = socket.writableLength;
    for (const outgoing of this.#waiting.get(socket) ?? [])
      if (outgoing.socket === null) bytes += outgoing.writableLength;
    return bytes;
  }
}
