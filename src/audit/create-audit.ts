import { randomUUID } from 'node:crypto';
import { type AccessOptions, logAccess } from '../client/access.ts';
import { LogCalls } from '../client/log-calls.ts';
import { TlogError } from '../core/error.ts';
import { type AuditEvent, EVENT_SCHEMA, parseEvent } from '../core/event/event.ts';
import { LOG_NAME } from '../core/log-name.ts';
import { type LoggedEvent, Sender } from './sender.ts';
import { Spool } from './spool.ts';

const SPOOL_BYTES = 64 * 1024 * 1024;
/** Room for sixteen events of 64 KiB. */
const SPOOL_BYTES_MIN = 1024 * 1024;
const CLOSE_MS = 10_000;

/** How events reach their log. */
export interface AuditOptions extends Pick<AccessOptions, 'fetch' | 'timeoutMs'> {
  /** Base URL of the server, without /logs/… */
  readonly server: string;
  /** Access token with the scope `append`. */
  readonly token: string;
  /** Name of a log of events. */
  readonly log: string;
  /** Folder where events wait; of this process alone. */
  readonly spool: string;
  /** The most that the folder holds before new events are refused, in bytes; default 64 MiB, at least 1 MiB. */
  readonly spoolBytesMax?: number;
  /** Is told what keeps events from the log; a warning of the process unless given. */
  readonly onError?: (error: TlogError) => void;
}

/** An event as an application tells it. `id` is made, and `time` is now, unless given. */
export interface NewEvent extends Omit<AuditEvent, 'schema' | 'id' | 'time' | 'raw'> {
  readonly id?: string;
  readonly time?: string;
}

/** An event that was taken. Nobody has to wait for either; what is not waited for is not lost. */
export interface AuditEntry {
  readonly id: string;
  /** Resolves once the event is on the disk of this machine. @throws TlogError not_writable */
  readonly spooled: Promise<void>;
  /** Resolves once the log has it, durably. @throws TlogError of its refusal; request_timeout when `close` came first */
  readonly logged: Promise<LoggedEvent>;
}

export interface AuditStatus {
  /** Events that wait. */
  readonly waiting: number;
  /** Of events that wait, and of those that the log has refused. */
  readonly spoolBytes: number;
  readonly spoolBytesMax: number;
  /** Whether the last event found no room. */
  readonly isFull: boolean;
  /** Events that the log has refused since the start; the spool has them in refused.ndjson. */
  readonly refused: number;
  /** Why nothing could be sent when it was last tried; undefined when it could. */
  readonly lastError: TlogError | undefined;
}

/** Sends events to a log for as long as it takes. */
export interface Audit {
  /**
   * Takes an event and returns at once: it survives the end of this process, however that comes, and reaches the log at least and,
   * as its id is made here, at most once.
   * @throws TlogError invalid_event, event_too_large; spool_full, not_writable: the event is not taken
   * @throws TypeError after `close`
   */
  audit(event: NewEvent): AuditEntry;
  status(): AuditStatus;
  /** Waits until nothing waits, at most so long. Resolves to the number of events that wait still. */
  flush(options?: { readonly timeoutMs?: number }): Promise<number>;
  /** The same, and ends. What waits then is sent by the next one that opens the spool. */
  close(options?: { readonly timeoutMs?: number }): Promise<number>;
}

/**
 * Opens the spool and begins to send what waits in it.
 * @throws TlogError spool_locked, not_writable
 * @throws TypeError, RangeError for options that cannot be
 */
export function createAudit(options: AuditOptions): Audit {
  const { spoolBytesMax = SPOOL_BYTES } = options;
  if (!Number.isSafeInteger(spoolBytesMax) || spoolBytesMax < SPOOL_BYTES_MIN)
    throw new RangeError(`spoolBytesMax is ${spoolBytesMax}; ${SPOOL_BYTES_MIN} is the least`);
  if (!LOG_NAME.test(options.log)) throw new TypeError(`no name of a log: ${options.log}`);
  const logUrl = `${options.server.replace(/\/+$/, '')}/logs/${options.log}`;
  const { token, fetch, timeoutMs } = options;
  const own = {
    ...(fetch === undefined ? {} : { fetch }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  // The sender tries again by itself, and for longer.
  const calls = new LogCalls(logAccess({ logUrl, token, triesMax: 1, ...own }));
  const running = new RunningAudit(new Spool(options.spool, spoolBytesMax), calls, options.onError ?? warn);
  return {
    audit: (event) => running.audit(event),
    status: () => running.status(),
    flush: ({ timeoutMs: ms = CLOSE_MS } = {}) => running.flush(ms),
    close: ({ timeoutMs: ms = CLOSE_MS } = {}) => running.close(ms),
  };
}

interface Waiter {
  readonly logged: Promise<LoggedEvent>;
  resolve(logged: LoggedEvent): void;
  reject(error: TlogError): void;
}

class RunningAudit {
  readonly #spool: Spool;
  readonly #sender: Sender;
  readonly #onError: (error: TlogError) => void;
  /** By the line that was spooled: no more than the spool holds. */
  readonly #waiters = new Map<string, Waiter>();
  #isFull = false;
  #refused = 0;
  #lastError: TlogError | undefined;
  #closing: Promise<number> | undefined;

  constructor(spool: Spool, calls: LogCalls, onError: (error: TlogError) => void) {
    this.#spool = spool;
    this.#onError = onError;
    this.#sender = new Sender({
      spool,
      calls,
      onSettled: (line, outcome) => this.#settle(line, outcome),
      onTrouble: (error) => this.#trouble(error),
    });
  }

  audit(event: NewEvent): AuditEntry {
    if (this.#closing !== undefined) throw new TypeError('the audit is closed');
    const { id = randomUUID(), time = new Date().toISOString() } = event;
    const whole = { schema: EVENT_SCHEMA, ...event, id, time };
    const line = JSON.stringify(whole);
    parseEvent(line);
    this.#append(line);
    const { logged } = this.#waiterOf(line);
    const spooled = this.#spool.sync();
    this.#sender.wake();
    // Most callers wait for neither.
    spooled.catch((error: TlogError) => this.#onError(error));
    logged.catch(() => undefined);
    return { id, spooled, logged };
  }

  status(): AuditStatus {
    const { waiting, bytes, bytesMax } = this.#spool;
    const facts = { isFull: this.#isFull, refused: this.#refused, lastError: this.#lastError };
    return { waiting, spoolBytes: bytes, spoolBytesMax: bytesMax, ...facts };
  }

  async flush(timeoutMs: number): Promise<number> {
    await this.#sender.drained(timeoutMs);
    return this.#spool.waiting;
  }

  close(timeoutMs: number): Promise<number> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<number> {
    await this.flush(timeoutMs);
    await this.#sender.stop();
    const { waiting, folder } = this.#spool;
    const error = new TlogError(
      'request_timeout',
      `the audit was closed; ${waiting} events wait in ${folder}`,
    );
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
    await this.#spool.close();
    return waiting;
  }

  /** An event that is told twice, with its id and time, is one. */
  #waiterOf(line: string): Waiter {
    const known = this.#waiters.get(line);
    if (known !== undefined) return known;
    const { promise: logged, resolve, reject } = deferred<LoggedEvent>();
    const waiter = { logged, resolve, reject };
    this.#waiters.set(line, waiter);
    return waiter;
  }

  #append(line: string): void {
    try {
      this.#spool.append(line);
      this.#isFull = false;
    } catch (error) {
      if (!(error instanceof TlogError) || error.code !== 'spool_full') throw error;
      if (!this.#isFull) this.#onError(error);
      this.#isFull = true;
      throw error;
    }
  }

  #settle(line: string, outcome: LoggedEvent | TlogError): void {
    this.#lastError = undefined;
    const waiter = this.#waiters.get(line);
    this.#waiters.delete(line);
    if (outcome instanceof TlogError) {
      this.#refused += 1;
      this.#onError(outcome);
      waiter?.reject(outcome);
    } else waiter?.resolve(outcome);
  }

  /** Told once for as long as the reason stays the same. */
  #trouble(error: TlogError): void {
    const isKnown = this.#lastError?.code === error.code;
    this.#lastError = error;
    if (!isKnown) this.#onError(error);
  }
}

function warn({ code, message }: TlogError): void {
  process.emitWarning(message, { type: 'AuditWarning', code });
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let settle: { resolve: (value: T) => void; reject: (error: Error) => void } | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new TypeError('a promise runs its executor at once');
  return { promise, ...settle };
}
