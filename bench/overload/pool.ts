import { setTimeout as sleep } from 'node:timers/promises';
import { RawConnection } from './raw-connection.ts';

/** A server closes what is idle for 5 s; a request must not meet that. */
const IDLE_MAX_MS = 3_000;
const STEP = 16;
const STEP_MS = 4;

/** Connections for requests that wait for none: a new one is opened while all others have a request under way. */
export class ConnectionPool {
  readonly #port: number;
  readonly #host: string;
  readonly #max: number;
  readonly #idle: RawConnection[] = [];
  #open = 0;

  constructor(url: string, max: number) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
    this.#max = max;
  }

  /** A connection, perhaps one that is not connected yet; undefined when there are as many as may be. */
  take(nowMs: number): RawConnection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.isOpen && nowMs - idle.idleSinceMs < IDLE_MAX_MS) return idle;
      idle.destroy();
    }
    return this.#open >= this.#max ? undefined : this.#make();
  }

  #make(): RawConnection {
    this.#open += 1;
    return new RawConnection(this.#port, this.#host, () => {
      this.#open -= 1;
    });
  }

  /** Opens all of them, a few at a time: a busy server takes one a turn of its event loop. */
  async openAll(): Promise<void> {
    while (this.#open < this.#max) {
      const made = Array.from({ length: Math.min(STEP, this.#max - this.#open) }, () => this.#make());
      await Promise.all(made.map(({ connected }) => connected));
      this.#idle.push(...made);
      await sleep(STEP_MS);
    }
  }

  give(connection: RawConnection): void {
    if (connection.isOpen) this.#idle.push(connection);
  }

  close(): void {
    for (const connection of this.#idle) connection.destroy();
  }
}
