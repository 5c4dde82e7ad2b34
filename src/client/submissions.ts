import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import { ENTRY_BYTES_MAX, encodeEntries } from '../core/tile/bundle.ts';
import type { Ack } from './ack.ts';
import { BATCH_ENTRIES_MAX, readDuplicates } from './answers.ts';
import type { FieldsAnswer, LogCall, LogCalls } from './log-calls.ts';

/** A note of at most 1 MB is the most of any receipt. */
const ANSWER_BYTES_MAX = 2 * 1024 * 1024;
const KEY_BYTES = 16;

export interface AppendOptions {
  /**
   * 1 to 255 visible ASCII characters that stand for this content, for ever. Made at random for each call unless
   * given; give one to be able to repeat a call whose outcome stayed unknown.
   */
  readonly idempotencyKey?: string | undefined;
  /**
   * What the answer waits for. With `witnessed` the log takes up to ten seconds longer, which each try must be given. `durable` unless
   * given.
   */
  readonly ack?: Ack | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Makes something of an answer, such as a verified receipt. */
export type ReadAnswer<T> = (answer: FieldsAnswer) => Promise<T> | T;

interface Post extends AppendOptions {
  readonly path: 'entries' | 'events';
  readonly type: string;
  readonly body: Uint8Array;
}

/**
 * Sends entries so that trying again appends nothing twice: all tries of a call carry one Idempotency-Key, and a log
 * that keeps no such keys (duplicate mode `off`) gets one try.
 */
export class Submissions {
  readonly #calls: LogCalls;
  #triesMax: Promise<number | undefined> | undefined;

  constructor(calls: LogCalls) {
    this.#calls = calls;
  }

  /**
   * What `read` makes of the answer to one entry. A TlogError from there, too, gets the key into its `details`: with
   * it the caller can repeat the call. @throws TlogError entry_too_large before anything is sent; as LogCalls.ask
   */
  async entry<T>(entry: Uint8Array, options: AppendOptions, read: ReadAnswer<T>): Promise<T> {
    checkEntry(entry, 0);
    return this.#post({ path: 'entries', type: 'application/octet-stream', body: entry, ...options }, read);
  }

  /** The same of entries that get indexes as a whole or not at all. @throws TlogError empty_batch, batch_too_large, as `entry` */
  async batch<T>(entries: readonly Uint8Array[], options: AppendOptions, read: ReadAnswer<T>): Promise<T> {
    if (entries.length === 0) throw new TlogError('empty_batch', 'there is no entry to append');
    if (entries.length > BATCH_ENTRIES_MAX) {
      throw new TlogError('batch_too_large', `${entries.length} entries; ${BATCH_ENTRIES_MAX} is the most`);
    }
    entries.forEach(checkEntry);
    const body = encodeEntries(entries);
    return this.#post(
      { path: 'entries', type: 'application/vnd.stele.entry-bundle', body, ...options },
      read,
    );
  }

  /** The same of audit events: JSON of one or of a list, or NDJSON, as its media type says. The log looks at them. */
  async events<T>(
    events: { readonly type: 'application/json' | 'application/x-ndjson'; readonly body: Uint8Array },
    options: AppendOptions,
    read: ReadAnswer<T>,
  ): Promise<T> {
    return this.#post({ path: 'events', ...events, ...options }, read);
  }

  async #post<T>(post: Post, read: ReadAnswer<T>): Promise<T> {
    const { path, type, body, ack, signal } = post;
    const key = post.idempotencyKey ?? formatHex(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
    const triesMax = await this.#triesOf(signal);
    const headers = { 'Content-Type': type, 'Idempotency-Key': key };
    const call: LogCall = {
      path: ack === undefined ? path : `${path}?ack=${ack}`,
      method: 'POST',
      headers,
      body,
      bytesMax: ANSWER_BYTES_MAX,
      signal,
    };
    try {
      return await read(await this.#calls.askFields(triesMax === undefined ? call : { ...call, triesMax }));
    } catch (error) {
      throw withKey(error, key);
    }
  }

  /** Asked once: how a log treats repeats is fixed when it is made. A failure is not remembered. */
  #triesOf(signal: AbortSignal | undefined): Promise<number | undefined> {
    this.#triesMax ??= this.#askTries(signal).catch((error: unknown) => {
      this.#triesMax = undefined;
      throw error;
    });
    return this.#triesMax;
  }

  async #askTries(signal: AbortSignal | undefined): Promise<number | undefined> {
    try {
      const { fields } = await this.#calls.askFields({ path: 'log', bytesMax: ANSWER_BYTES_MAX, signal });
      return readDuplicates(fields) === 'off' ? 1 : undefined;
    } catch (error) {
      // Some tokens append and may not read: what cannot be known to be safe is not repeated.
      if (error instanceof TlogError && (error.kind === 'forbidden' || error.kind === 'unauthorized'))
        return 1;
      throw error;
    }
  }
}

function checkEntry({ length }: Uint8Array, place: number): void {
  if (length <= ENTRY_BYTES_MAX) return;
  const message = `entry ${place} of the call has ${length} bytes; ${ENTRY_BYTES_MAX} is the most`;
  throw new TlogError('entry_too_large', message, { details: { entry: place } });
}

function withKey(error: unknown, idempotencyKey: string): unknown {
  if (!(error instanceof TlogError)) return error;
  const details = { ...error.details, idempotencyKey };
  return new TlogError(error.code, error.message, { cause: error, details });
}
