import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Connections whose last request was refused unseen and that are not listened to for a while: who asks again at once
 * would be refused again, and each refusal takes the time of those who wait. Bounded by the connections of the server.
 */
export class Unheard {
  readonly #ms: number;
  /** In the order in which they were refused. */
  readonly #timers = new Map<Socket, NodeJS.Timeout>();

  /** @param ms longest time that nobody listens to a connection */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Stops listening to the connection of an answer once the request that it refuses has come to its end. */
  add({ req, socket }: ServerResponse): void {
    // Before that, node reads on to drop the body.
    if (socket !== null) req.once('close', () => this.#pause(socket));
  }

  #pause(socket: Socket): void {
    if (socket.destroyed || this.#timers.has(socket)) return;
    socket.pause();
    this.#timers.set(socket, setTimeout(() => this.#resume(socket), this.#ms).unref());
  }

  /** Listens to the connection that was refused first. */
  hearNext(): void {
    const [next] = this.#timers.keys();
    if (next !== undefined) this.#resume(next);
  }

  #resume(socket: Socket): void {
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
    socket.resume();
  }
}
