import { statSync } from 'node:fs';
import { TlogError } from '../core/error.ts';
import { createNoteVerifier, type NoteVerifier } from '../core/note/verifier.ts';
import type { Clock } from '../runtime/clock.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { type LogKeys, parseLogList, readLogList, readLogText } from './log-list.ts';
import { originHash } from './witness-record.ts';
import type { WitnessedLog } from './witnessed-log.ts';

/** A log of the list, with its state, or with the reason why nothing is cosigned for it. */
export interface FollowedLog {
  readonly verifiers: readonly NoteVerifier[];
  readonly log: WitnessedLog | TlogError;
}

/** Takes up a log of the list; a refusal of this log alone comes back as a value. */
export type TakeUp = (origin: string) => Promise<WitnessedLog | TlogError>;

/** From a try to take up a list that a disk did not let through to the next. */
const RETRY_MS = 10_000;

/** What the logs of a list are followed with. */
export interface FollowedLogsDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly takeUp: TakeUp;
  /** Gets why a changed list is not in force. */
  onBadList(error: TlogError): void;
}

/** The logs of a list that is a file; read again when the file is another one than before. */
export class FollowedLogs {
  readonly #path: string;
  readonly #deps: FollowedLogsDeps;
  #logs: ReadonlyMap<string, FollowedLog> = new Map();
  /** The same. Kept, as everybody may ask by it: to hash a thousand origins takes a millisecond. */
  #byHash: ReadonlyMap<string, FollowedLog> = new Map();
  #version: string | undefined;
  /** Why logs of the list as it is now are refused: they are not tried again, and told again, before it changes. Owned by `#take`. */
  #refusals = new Map<string, TlogError>();
  /** On the monotonic clock. */
  #retryMs = Number.POSITIVE_INFINITY;
  #reading: Promise<void> = Promise.resolve();

  private constructor(path: string, deps: FollowedLogsDeps) {
    this.#path = path;
    this.#deps = deps;
  }

  /** @throws TlogError invalid_config: at a start a bad list is refused, later the old one stays */
  static async open(path: string, deps: FollowedLogsDeps): Promise<FollowedLogs> {
    const followed = new FollowedLogs(path, deps);
    followed.#version = followed.#versionNow();
    await followed.#take(await readLogList(path));
    return followed;
  }

  get all(): ReadonlyMap<string, FollowedLog> {
    return this.#logs;
  }

  /** The log of the SHA-256 of an origin, by the list as it was read last. */
  byHash(hash: string): FollowedLog | undefined {
    return this.#byHash.get(hash);
  }

  /** The log of an origin, by the list as it is now. */
  async get(origin: string): Promise<FollowedLog | undefined> {
    await this.follow();
    return this.#logs.get(origin);
  }

  /** Reads the list again if it has changed, or a while after a disk has kept it from being taken up. */
  follow(): Promise<void> {
    const version = this.#versionNow();
    const isNew = version !== this.#version;
    if (isNew || this.#deps.clock.monotonicMs() >= this.#retryMs) {
      this.#version = version;
      this.#retryMs = Number.POSITIVE_INFINITY;
      this.#reading = this.#reading.then(() => this.#readAgain(isNew));
    }
    return this.#reading;
  }

  async #readAgain(isNew: boolean): Promise<void> {
    if (isNew) this.#refusals.clear();
    try {
      const list = this.#parsed(await readLogText(this.#path));
      if (list !== undefined) await this.#take(list);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      this.#retryMs = this.#deps.clock.monotonicMs() + RETRY_MS;
      this.#deps.onBadList(error instanceof TlogError ? error : notTakenUp(this.#path, error));
    }
  }

  /** Undefined, and told, where it is wrong: that stays so until it changes. */
  #parsed(text: string): LogKeys | undefined {
    try {
      return parseLogList(text);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      this.#deps.onBadList(error);
      return undefined;
    }
  }

  /** Logs that stay are not opened anew: whoever has one goes on with it. A refused one gets another try. All are taken up or none. */
  async #take(list: LogKeys): Promise<void> {
    const logs = new Map<string, FollowedLog>();
    const fresh: FollowedLog['log'][] = [];
    try {
      for (const [origin, keys] of list) {
        const verifiers = keys.map((key) => createNoteVerifier(key, ed25519Verify));
        const known = this.#logs.get(origin)?.log;
        const isKnown = known !== undefined && !(known instanceof TlogError);
        const log = isKnown ? known : (this.#refusals.get(origin) ?? (await this.#deps.takeUp(origin)));
        if (log instanceof TlogError) this.#refusals.set(origin, log);
        if (!isKnown) fresh.push(log);
        logs.set(origin, { verifiers, log });
      }
    } catch (error) {
      await Promise.all(fresh.map(closeLog));
      throw error;
    }
    const dropped = [...this.#logs].filter(([origin]) => !logs.has(origin));
    this.#logs = logs;
    this.#byHash = new Map([...logs].map(([origin, log]) => [originHash(origin), log]));
    await Promise.all(dropped.map(([, { log }]) => closeLog(log)));
  }

  /** That it cannot be looked at is a version, too: reading it says why. */
  #versionNow(): string {
    try {
      const found = statSync(this.#path, { throwIfNoEntry: false });
      return `${found?.ino}/${found?.mtimeMs}/${found?.size}`;
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  }

  async close(): Promise<void> {
    await this.#reading;
    await Promise.all([...this.#logs.values()].map(({ log }) => closeLog(log)));
  }
}

/** What the disk said while a log was taken up. */
function notTakenUp(path: string, cause: unknown): TlogError {
  const why = (cause as Error).message;
  return new TlogError('invalid_config', `the logs of ${path} could not be taken up: ${why}`, { cause });
}

async function closeLog(log: WitnessedLog | TlogError): Promise<void> {
  if (!(log instanceof TlogError)) await log.close();
}
