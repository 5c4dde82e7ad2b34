import { statSync } from 'node:fs';
import { TlogError } from '../core/error.ts';
import { createNoteVerifier, type NoteVerifier } from '../core/note/verifier.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { type LogKeys, readLogList } from './log-list.ts';
import { originHash } from './witness-record.ts';
import type { WitnessedLog } from './witnessed-log.ts';

/** A log of the list, with its state, or with the reason why nothing is cosigned for it. */
export interface FollowedLog {
  readonly verifiers: readonly NoteVerifier[];
  readonly log: WitnessedLog | TlogError;
}

/** Takes up a log of the list; a refusal of this log alone comes back as a value. */
export type TakeUp = (origin: string) => Promise<WitnessedLog | TlogError>;

/** The logs of a list that is a file; read again when the file is another one than before. */
export class FollowedLogs {
  readonly #path: string;
  readonly #takeUp: TakeUp;
  readonly #onBadList: (error: TlogError) => void;
  #logs: ReadonlyMap<string, FollowedLog> = new Map();
  /** The same. Kept, as everybody may ask by it: to hash a thousand origins takes a millisecond. */
  #byHash: ReadonlyMap<string, FollowedLog> = new Map();
  #version: string | undefined;
  #reading: Promise<void> = Promise.resolve();

  private constructor(path: string, takeUp: TakeUp, onBadList: (error: TlogError) => void) {
    this.#path = path;
    this.#takeUp = takeUp;
    this.#onBadList = onBadList;
  }

  /** @throws TlogError invalid_config: at a start a bad list is refused, later the old one stays */
  static async open(
    path: string,
    takeUp: TakeUp,
    onBadList: (error: TlogError) => void,
  ): Promise<FollowedLogs> {
    const followed = new FollowedLogs(path, takeUp, onBadList);
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

  /** Reads the list again if it has changed. */
  follow(): Promise<void> {
    const version = this.#versionNow();
    if (version !== this.#version) {
      this.#version = version;
      this.#reading = this.#reading.then(() => this.#readAgain());
    }
    return this.#reading;
  }

  async #readAgain(): Promise<void> {
    try {
      await this.#take(await readLogList(this.#path));
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      this.#onBadList(error instanceof TlogError ? error : notTakenUp(this.#path, error));
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
        const log = isKnown ? known : await this.#takeUp(origin);
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

  #versionNow(): string {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    return `${found?.ino}/${found?.mtimeMs}/${found?.size}`;
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
