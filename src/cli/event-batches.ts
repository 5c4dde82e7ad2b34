import { createHash, type Hash } from 'node:crypto';
import { canonicalJson } from '../core/encoding/canonical-json.ts';
import { TlogError } from '../core/error.ts';
import { RAW_BYTES_MAX } from '../core/event/event.ts';
import type { Mapping } from '../import/import-format.ts';
import { type CutRecord, cutRecords } from '../import/record-cutter.ts';
import { secretKey } from './secret-key.ts';

/** Most events of a batch. */
export const BATCH_EVENTS = 1_000;
/** A batch ends before the record that would bring it over 2 MiB of input, line feeds counted. */
export const BATCH_INPUT_BYTES: number = 2 * 1024 * 1024;
/** It ends too before the event that would bring it over 7 MiB of JSON, where the input has much that is escaped. */
const BATCH_JSON_LENGTH: number = 7 * 1024 * 1024;

/** An event to send, with the record it was made of. */
export interface ImportedEvent {
  readonly json: string;
  readonly record: CutRecord;
}

export interface EventBatch {
  readonly events: readonly ImportedEvent[];
  /** Idempotency-Key: stands for all input up to the batch's end, and for how it is mapped. */
  readonly key: string;
}

export interface BatchOptions {
  readonly map: Mapping;
  /** Whether line feeds between quotes belong to a record. */
  readonly quoted: boolean;
  /** Names how records are mapped: what changes the events has to change it. */
  readonly mappedBy: string;
  /** The access token: what keys are made with. */
  readonly secret: string;
  /** Is told each record that no event can be made of, and waited for. */
  refuse(record: CutRecord, error: TlogError): Promise<void>;
}

/**
 * Cuts an input into batches of events at points that depend on its bytes alone, so that the same input gives the same batches and
 * keys again. Holds one batch and one record.
 * @throws TlogError malformed_import_map; unmappable_record where an option is missing
 */
export async function* eventBatches(
  input: AsyncIterable<Uint8Array>,
  options: BatchOptions,
): AsyncGenerator<EventBatch, void, undefined> {
  const batch = new EventBatchBuilder(options);
  const cut = cutRecords(input, { quoted: options.quoted, seen: (part) => batch.see(part) });
  for await (const record of cut) {
    const json = await mapped(record, options);
    const full = batch.makeRoom(record, json?.length ?? 0);
    if (full !== undefined) yield full;
    batch.add(record, json);
  }
  const last = batch.cut();
  if (last !== undefined) yield last;
}

/** The JSON of an event; undefined for a record that has none. */
async function mapped(record: CutRecord, { map, refuse }: BatchOptions): Promise<string | undefined> {
  try {
    if (record.bytes === undefined)
      throw new TlogError('unmappable_record', `is longer than ${RAW_BYTES_MAX} bytes`);
    const event = map(record.bytes);
    return event === undefined ? undefined : canonicalJson(event);
  } catch (error) {
    if (!(error instanceof TlogError) || error.code !== 'unmappable_record') throw error;
    if (error.details['option'] !== undefined) throw atLine(error, record);
    await refuse(record, error);
    return undefined;
  }
}

function atLine(error: TlogError, { line }: CutRecord): TlogError {
  const details = { ...error.details, line };
  return new TlogError(error.code, `line ${line} ${error.message}`, { cause: error, details });
}

class EventBatchBuilder {
  readonly #keyed: Pick<BatchOptions, 'mappedBy' | 'secret'>;
  readonly #hash = createHash('sha256');
  /** Of the input up to the end of the last record that was added. */
  #before: Hash;
  #events: ImportedEvent[] = [];
  #inputBytes = 0;
  #jsonLength = 0;

  constructor(keyed: Pick<BatchOptions, 'mappedBy' | 'secret'>) {
    this.#keyed = keyed;
    this.#before = this.#hash.copy();
  }

  see(part: Uint8Array): void {
    this.#hash.update(part);
  }

  /** The batch so far, when a record has no room in it. */
  makeRoom({ length }: CutRecord, jsonLength: number): EventBatch | undefined {
    const hasRoom =
      this.#events.length < BATCH_EVENTS &&
      this.#inputBytes + length <= BATCH_INPUT_BYTES &&
      this.#jsonLength + jsonLength <= BATCH_JSON_LENGTH;
    return hasRoom ? undefined : this.cut();
  }

  add(record: CutRecord, json: string | undefined): void {
    if (json !== undefined) this.#events.push({ json, record });
    this.#inputBytes += record.length;
    this.#jsonLength += json?.length ?? 0;
    this.#before = this.#hash.copy();
  }

  /** Undefined when it would have no event. */
  cut(): EventBatch | undefined {
    const events = this.#events;
    this.#events = [];
    this.#inputBytes = 0;
    this.#jsonLength = 0;
    return events.length === 0 ? undefined : { events, key: this.#key() };
  }

  #key(): string {
    const { mappedBy, secret } = this.#keyed;
    const input = this.#before.copy().digest('hex');
    return secretKey(secret, `${mappedBy}\0${input}`);
  }
}
