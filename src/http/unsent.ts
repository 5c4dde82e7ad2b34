import type { Socket } from 'node:net';

/** Connections that hold less are passed over. */
const SMALL_BYTES = 16 * 1024;

/** What a connection holds of answers, and how much its client had taken by the last look and by now. */
export interface Held<Connection> {
  readonly connection: Connection;
  readonly bytes: number;
  /** Undefined where it was not looked at before. */
  readonly takenBefore: number | undefined;
  readonly taken: number;
}

/**
 * Whom to cut so that all together hold no more than a bound: above it those that have taken nothing since the last look, above
 * twice the bound the others too; of both the largest first.
 */
export function whomToCut<Connection>(
  held: readonly Held<Connection>[],
  bytesMax: number,
): readonly Connection[] {
  const largestFirst = [...held].sort((a, b) => b.bytes - a.bytes);
  const isStill = ({ takenBefore, taken }: Held<Connection>): boolean => takenBefore === taken;
  const cut: Connection[] = [];
  let left = held.reduce((sum, { bytes }) => sum + bytes, 0);
  const cutUntil = (some: readonly Held<Connection>[], most: number): void => {
    for (const { connection, bytes } of some) {
      if (left <= most) return;
      cut.push(connection);
      left -= bytes;
    }
  };
  cutUntil(largestFirst.filter(isStill), bytesMax);
  cutUntil(
    largestFirst.filter((one) => !isStill(one)),
    2 * bytesMax,
  );
  return cut;
}

/** Bounds what waits of answers for clients that do not take it, on all connections of a server together. */
export class Unsent {
  readonly #bytesMax: number;
  readonly #bytesOf: (socket: Socket) => number;
  readonly #sockets = new Set<Socket>();
  #takenBefore: ReadonlyMap<Socket, number> = new Map();

  /** @param bytesOf what a connection holds now */
  constructor(bytesMax: number, bytesOf: (socket: Socket) => number) {
    this.#bytesMax = bytesMax;
    this.#bytesOf = bytesOf;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** To be called now and then. */
  look(): void {
    const held: Held<Socket>[] = [];
    for (const connection of this.#sockets) {
      const bytes = this.#bytesOf(connection);
      if (bytes < SMALL_BYTES) continue;
      const takenBefore = this.#takenBefore.get(connection);
      held.push({ connection, bytes, takenBefore, taken: takenBytes(connection) });
    }
    this.#takenBefore = new Map(held.map(({ connection, taken }) => [connection, taken]));
    for (const socket of whomToCut(held, this.#bytesMax)) socket.destroy();
  }
}

interface Handle {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

/** What the system has taken: node has what it handed over, and what of that still waits, under this name alone. */
function takenBytes(socket: Socket & { readonly _handle?: Handle | null }): number {
  const { bytesWritten = 0, writeQueueSize = 0 } = socket._handle ?? {};
  return bytesWritten - writeQueueSize;
}
