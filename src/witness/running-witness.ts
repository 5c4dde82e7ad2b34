import { TlogError } from '../core/error.ts';
import { formatEvidence } from '../core/evidence/evidence.ts';
import { type AddCheckpoint, parseAddCheckpoint } from '../core/note/add-checkpoint.ts';
import { type Checkpoint, parseCheckpoint } from '../core/note/checkpoint.ts';
import { formatNote, parseNote, verifyNote } from '../core/note/signed-note.ts';
import type { NoteVerifier } from '../core/note/verifier.ts';
import type { Cosigner } from '../keys/cosigner.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Guard } from '../store/guard.ts';
import type { Store } from '../store/store.ts';
import { FollowedLogs } from './followed-logs.ts';
import type { ShownFork } from './fork-shown.ts';
import type { AlertFacts, WitnessAlert } from './witness-alert.ts';
import { checkRecord, decodeRecord, originHash, recordKey, refusesOneLog } from './witness-record.ts';
import { type CosignOutcome, WitnessedLog } from './witnessed-log.ts';

/** What a witness is made of. Whoever makes these closes none: the witness does. */
export interface WitnessDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly cosigner: Cosigner;
  /** Path of the list of logs. */
  readonly logList: string;
  /** Takes over the guard of an origin. */
  takeGuard(origin: string): Promise<Guard>;
  /** Resolves once the alert is durable, or is on its way although it could not be written. Never rejects. */
  alert(alert: WitnessAlert): Promise<void>;
  /** Gets a list of logs that cannot be read; the one before stays. */
  onBadList(error: TlogError): void;
  /** Requests a second of one log that grow, and as many that do not; 0 has no limit. */
  readonly logRate: number;
}

/** How a witnessed log stands. Absent: nothing was cosigned yet; `refused` says why nothing is. */
export interface WitnessedLogStatus {
  readonly origin: string;
  readonly size?: number;
  /** Time of the last cosignature, POSIX seconds. */
  readonly timeSec?: number;
  readonly refused?: TlogError;
}

/** A C2SP tlog-witness (c2sp.org/tlog-witness), without its HTTP. */
export class Witness implements AsyncDisposable {
  readonly #deps: WitnessDeps;
  #logs: FollowedLogs | undefined;
  #fail: (error: TlogError) => void = () => undefined;
  /** Resolves with what ended it: after that it cosigns nothing, and the process has to end. */
  readonly failed: Promise<TlogError>;

  private constructor(deps: WitnessDeps) {
    this.#deps = deps;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** @throws TlogError invalid_config, guard_superseded, not_writable */
  static async start(deps: WitnessDeps): Promise<Witness> {
    const witness = new Witness(deps);
    const takeUp = (origin: string): Promise<WitnessedLog | TlogError> => witness.#takeUp(origin);
    const { clock, onBadList } = deps;
    witness.#logs = await FollowedLogs.open(deps.logList, { clock, takeUp, onBadList });
    return witness;
  }

  get vkey(): string {
    return this.#deps.cosigner.vkey;
  }

  /**
   * Answers the body of POST add-checkpoint: with signature lines, durable and guarded before they come back, or with the
   * size to start from (409, text/x.tlog.size).
   * @throws TlogError malformed_add_checkpoint, malformed_note, malformed_checkpoint, unknown_origin, untrusted_checkpoint,
   * rate_limited, old_size_above, unproven_checkpoint, clock_behind, queue_full, record_lost
   */
  async addCheckpoint(body: Uint8Array): Promise<CosignOutcome> {
    const request = parseAddCheckpoint(body);
    const { origin } = parseCheckpoint(parseNote(request.note).text);
    const followed = await this.#followed.get(origin);
    if (followed === undefined)
      throw new TlogError('unknown_origin', `this witness does not follow ${JSON.stringify(origin)}`);
    const trusted = await trust(request, followed.verifiers);
    if (followed.log instanceof TlogError) throw refusalOf(followed.log);
    return followed.log.cosign(trusted).catch((error: unknown) => this.#rethrow(error));
  }

  /** The last cosigned checkpoint of the origin with this SHA-256 (lower-case hex); undefined if there is none. */
  checkpoint(hash: string): string | undefined {
    const log = this.#followed.byHash(hash)?.log;
    return log === undefined || log instanceof TlogError ? undefined : log.cosigned;
  }

  /** Every log of the list, as it stands. */
  logs(): WitnessedLogStatus[] {
    return [...this.#followed.all].map(([origin, { log }]) => {
      if (log instanceof TlogError) return { origin, refused: log };
      const { record } = log;
      return record === undefined ? { origin } : { origin, size: record.size, timeSec: record.timeSec };
    });
  }

  /** Takes up what was added to the list of logs; each request does so, too. */
  async follow(): Promise<void> {
    await this.#followed.follow();
  }

  async close(): Promise<void> {
    await this.#followed.close();
    await this.#deps.store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #followed(): FollowedLogs {
    if (this.#logs === undefined) throw new TypeError('the witness has not started');
    return this.#logs;
  }

  async #takeUp(origin: string): Promise<WitnessedLog | TlogError> {
    try {
      return await this.#openLog(origin);
    } catch (error) {
      if (!refusesOneLog(error)) this.#rethrow(error);
      const { code, message } = error;
      await this.#deps.alert({ kind: 'refused', origin, code, message, ...factsIn(error) });
      return error;
    }
  }

  async #openLog(origin: string): Promise<WitnessedLog> {
    const { clock, store, cosigner, logRate } = this.#deps;
    const guard = await this.#deps.takeGuard(origin);
    try {
      const row = await store.get(recordKey(originHash(origin)));
      const record = row === undefined ? undefined : decodeRecord(row);
      checkRecord(record, guard.mark);
      const deps = { clock, store, guard, cosigner, logRate, onFork: this.#onFork };
      return await WitnessedLog.open(origin, deps, record);
    } catch (error) {
      await guard.close();
      throw error;
    }
  }

  readonly #onFork = (origin: string, { evidence, facts }: ShownFork): Promise<void> => {
    const message = `the log has signed two histories: sizes ${facts.sizes?.join(' and ')}; publish the evidence`;
    return this.#deps.alert({ kind: 'fork', origin, message, ...facts, evidence: formatEvidence(evidence) });
  };

  #rethrow(error: unknown): never {
    if (error instanceof TlogError && error.kind === 'fatal') this.#fail(error);
    throw error;
  }
}

/** The request with what a key of the log has signed, and no other signature. @throws TlogError untrusted_checkpoint */
async function trust(
  request: AddCheckpoint,
  verifiers: readonly NoteVerifier[],
): Promise<AddCheckpoint & { readonly checkpoint: Checkpoint }> {
  try {
    const { text, verified } = await verifyNote(request.note, verifiers);
    const signatures = verified.filter(
      (line, i) => verified.findIndex(({ keyId }) => keyId === line.keyId) === i,
    );
    return { ...request, note: formatNote(text, signatures), checkpoint: parseCheckpoint(text) };
  } catch (cause) {
    if (!(cause instanceof TlogError) || cause.kind !== 'verification') throw cause;
    throw new TlogError('untrusted_checkpoint', cause.message, { cause });
  }
}

/** What is known of a record in doubt: its size and root hash, and those that the guard has. */
function factsIn({ details: { sizes, expectedHash, actualHash } }: TlogError): AlertFacts {
  return {
    ...(Array.isArray(sizes) ? { sizes: sizes.map(Number) } : {}),
    ...(typeof expectedHash === 'string' ? { expectedHash } : {}),
    ...(typeof actualHash === 'string' ? { actualHash } : {}),
  };
}

/** What a client is told of a log whose record is in doubt. */
function refusalOf(cause: TlogError): TlogError {
  const inDoubt = 'what was cosigned for this log is in doubt; its operator has been told';
  return new TlogError('record_lost', cause.code === 'record_lost' ? cause.message : inDoubt, { cause });
}
