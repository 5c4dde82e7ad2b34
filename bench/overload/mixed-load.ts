import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../harness/entries.ts';
import { dueTimes } from '../harness/open-load.ts';
import type { NumberedEntries } from './numbered-entries.ts';
import { ConnectionPool } from './pool.ts';
import type { RawAnswer, RawConnection } from './raw-connection.ts';
import { lateness, type Times, TimeTable } from './time-table.ts';

/** A load of appends, small and huge ones. */
export interface MixedPlan {
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly seconds: number;
  /** What is sent before this is not counted. */
  readonly rampSeconds: number;
  /** An open model's rate; undefined: each of the connections sends when it has its answer. */
  readonly perSec?: number;
  readonly connectionsMax: number;
  /** Who is refused asks again after the time of `Retry-After`, and up to as long again; without it at once. */
  readonly waitsAsTold?: boolean;
  /** Number of the first entry. */
  readonly firstEntry: number;
}

/** What became of a load. */
export interface MixedResult {
  readonly accepted: Times;
  readonly refused: Times;
  /** Answers by what they are: status and code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Due, and for want of a connection never sent: late, whichever answer each would have had. */
  readonly unsent: number;
  readonly acceptedPerSec: number;
  readonly sentPerSec: number;
  /** From the end of the load to the last answer. */
  readonly drainMs: number;
  readonly loadCores: number;
  /** Number and index of each entry that was acknowledged. */
  readonly acked: readonly (readonly [number, number])[];
}

/** Most time that is given to the last answers. */
const DRAIN_MS = 60_000;
const TICK_MS = 1;

/** One run of a plan. */
export class MixedLoad {
  readonly #plan: MixedPlan;
  readonly #entries: NumberedEntries;
  readonly #pool: ConnectionPool;
  readonly #head: string;
  readonly #random: () => number;
  readonly #accepted = new TimeTable();
  readonly #refused = new TimeTable();
  readonly #outcomes: Record<string, number> = {};
  readonly #acked: [number, number][] = [];
  /** When the requests of an open model are due, in order; which of them is sent next. */
  #times: readonly number[] = [];
  #next = 0;
  #number: number;
  #sent = 0;
  #under = 0;
  #lastMs = 0;
  #untilMs = 0;
  #fromMs = 0;
  #inWindow = 0;
  /** Longest wait for a connection of a request that was sent. */
  #ownMs = 0;

  constructor(plan: MixedPlan, entries: NumberedEntries) {
    this.#plan = plan;
    this.#entries = entries;
    this.#random = seededRandom(plan.firstEntry + 1);
    this.#number = plan.firstEntry;
    this.#pool = new ConnectionPool(plan.url, plan.connectionsMax);
    const headers = Object.entries({ Host: 'bench', ...plan.headers }).map(([k, v]) => `${k}: ${v}\r\n`);
    this.#head = `POST ${plan.path} HTTP/1.1\r\n${headers.join('')}Content-Length: `;
  }

  async run(): Promise<MixedResult> {
    const { perSec, seconds, rampSeconds, connectionsMax } = this.#plan;
    await this.#pool.openAll();
    const startMs = performance.now();
    const before = process.cpuUsage();
    this.#untilMs = startMs + seconds * 1_000;
    this.#fromMs = startMs + rampSeconds * 1_000;
    if (perSec === undefined) await this.#closedLoop(connectionsMax);
    else {
      this.#times = dueTimes(startMs, { perSec, seconds, random: seededRandom(this.#plan.firstEntry) });
      await this.#openModel();
    }
    const { user, system } = process.cpuUsage(before);
    const loadCores = (user + system) / 1e3 / (performance.now() - startMs);
    const waiting = this.#times.slice(this.#next);
    this.#next = this.#times.length;
    const late = lateness(waiting, performance.now(), this.#ownMs);
    await this.#drained();
    this.#pool.close();
    return {
      accepted: this.#accepted.times(late),
      refused: this.#refused.times(late),
      outcomes: this.#outcomes,
      unsent: waiting.length,
      acceptedPerSec: this.#inWindow / (seconds - rampSeconds),
      sentPerSec: this.#sent / seconds,
      drainMs: this.#lastMs - this.#untilMs,
      loadCores,
      acked: this.#acked,
    };
  }

  async #closedLoop(connections: number): Promise<void> {
    const again = (): void => {
      const nowMs = performance.now();
      if (nowMs < this.#untilMs) this.#due(nowMs, again);
    };
    for (let i = 0; i < connections; i += 1) again();
    await sleep(this.#untilMs - performance.now());
  }

  async #openModel(): Promise<void> {
    while (performance.now() < this.#untilMs) {
      this.#sendDue();
      await sleep(TICK_MS);
    }
  }

  /** Sends what is due, as far as there are connections: in the order in which it came due. */
  #sendDue(): void {
    const nowMs = performance.now();
    for (let dueMs = this.#times[this.#next]; dueMs !== undefined && dueMs <= nowMs; ) {
      if (!this.#due(dueMs)) return;
      this.#next += 1;
      dueMs = this.#times[this.#next];
    }
  }

  async #drained(): Promise<void> {
    const deadlineMs = performance.now() + DRAIN_MS;
    while (this.#under > 0 && performance.now() < deadlineMs) await sleep(TICK_MS);
  }

  /** False where no connection is free. */
  #due(dueMs: number, after?: () => void): boolean {
    const connection = this.#pool.take(performance.now());
    if (connection !== undefined) this.#send(connection, dueMs, after);
    return connection !== undefined;
  }

  #send(connection: RawConnection, dueMs: number, after?: () => void): void {
    const number = this.#number;
    this.#number += 1;
    const [first, rest] = this.#entries.parts(number);
    const sentMs = performance.now();
    this.#sent += 1;
    this.#under += 1;
    this.#ownMs = Math.max(this.#ownMs, sentMs - dueMs);
    const head = `${this.#head}${first.length + rest.length}\r\n\r\n${first}`;
    connection.send(head, rest, (answer) => {
      this.#under -= 1;
      this.#lastMs = performance.now();
      if (answer === undefined) this.#count('no answer');
      else this.#note(number, dueMs, sentMs, connection.connectedMs ?? 0, answer);
      const free = (): void => {
        this.#pool.give(connection);
        this.#sendDue();
        after?.();
      };
      const toldMs = this.#plan.waitsAsTold === true ? retryAfterMs(answer) : 0;
      if (toldMs > 0) setTimeout(free, toldMs * (1 + this.#random()));
      else free();
    });
  }

  #note(number: number, dueMs: number, sentMs: number, connectedMs: number, answer: RawAnswer): void {
    const isCounted = sentMs >= this.#fromMs;
    this.#count(answer.status === 201 ? '201' : `${answer.status} ${codeOf(answer)}`);
    if (answer.status === 201) {
      this.#acked.push([number, Number(/^\{"index":(\d+)/.exec(answer.text)?.[1] ?? -1)]);
      if (answer.endMs >= this.#fromMs && answer.endMs < this.#untilMs) this.#inWindow += 1;
      if (isCounted) this.#accepted.add(dueMs, sentMs, connectedMs, answer);
    } else if (isCounted && answer.status === 503 && /\r\nretry-after: \d/i.test(answer.head))
      this.#refused.add(dueMs, sentMs, connectedMs, answer);
  }

  #count(what: string): void {
    this.#outcomes[what] = (this.#outcomes[what] ?? 0) + 1;
  }
}

/** Zero where nothing is said of it. */
function retryAfterMs(answer: RawAnswer | undefined): number {
  return 1_000 * Number(/\r\nretry-after: (\d+)/i.exec(answer?.head ?? '')?.[1] ?? 0);
}

function codeOf({ text }: RawAnswer): string {
  return /"code":"([a-z_]+)"/.exec(text)?.[1] ?? 'without a code';
}
