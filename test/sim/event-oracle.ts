import { createDecipheriv, createHash } from 'node:crypto';
import { disclosedEntry, discloseEvent } from '../../src/core/event/disclosure.ts';
import type { AuditEvent } from '../../src/core/event/event.ts';
import { decodeLeaf } from '../../src/core/event/leaf.ts';
import { leafIndex } from '../../src/core/units.ts';
import { nodeEventHasher } from '../../src/runtime/event-hasher.ts';
import type { AppendResult } from '../../src/sequencer/log.ts';
import { unsealValue } from '../../src/store/checked-store.ts';
import { blobKey, payloadKey, rawKey } from '../../src/store/event-rows.ts';
import type { Task } from './client.ts';
import type { Engine } from './engine.ts';
import { bodyOf, idName, submissionOf } from './event-tasks.ts';
import { Violation } from './oracle.ts';
import { keyText } from './rows.ts';
import type { Server } from './server.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MAC_END = 33;

/** An event that was once readable. */
export interface KnownEvent {
  readonly id: string;
  readonly tenant: string | undefined;
  readonly name: string;
  readonly body: string;
}

/** How a key was answered first, and by which process. */
interface KeptKey {
  readonly indexes: readonly number[];
  readonly server: Server;
  readonly addedNone: boolean;
}

/** Sees every event that became readable, opens it with what a power cut would leave, and remembers all of it. */
export class EventOracle {
  /** By index. Undefined: it lies before the first operation, or was spoiled before it could be read. */
  readonly events: (KnownEvent | undefined)[] = [];
  readonly #origin: string;
  /** Rows that damage took and no start can miss. */
  readonly #lostRows: ReadonlySet<string>;
  readonly #byName = new Map<string, number>();
  /** Where each seed was met, and each nonce of a key. */
  readonly #seeds = new Map<string, number>();
  readonly #nonces = new Map<string, string>();
  readonly #keys = new Map<string, KeptKey>();
  readonly #ackedNew = new Set<number>();
  #receivedMs = 0;

  constructor(origin: string, lostRows: ReadonlySet<string>) {
    this.#origin = origin;
    this.#lostRows = lostRows;
  }

  /** E1 to E4, for a leaf that becomes readable. `mayBeSpoiled`: somebody did something to its rows. */
  onLeaf(server: Server, index: number, entry: Uint8Array, mayBeSpoiled: boolean): void {
    const { receivedMs } = decodeLeaf(entry);
    if (receivedMs < this.#receivedMs)
      throw new Violation('E4', `event ${index} was received before the last`);
    this.#receivedMs = receivedMs;
    try {
      this.#open(server, index, entry);
    } catch (error) {
      if (!mayBeSpoiled) throw error;
      this.events[index] = undefined;
    }
  }

  #open({ disk, engine }: Server, index: number, entry: Uint8Array): void {
    const seed = disk.events.seedOf(index);
    if (seed === undefined || engine === undefined) throw new Violation('E1', `leaf ${index} has no seed`);
    if (seed.length < 32 || seed.every((byte) => byte === 0))
      throw new Violation('E1', `event ${index} is readable and its seed is not durable`);
    const sealed = rowOf(engine, payloadKey(index))?.subarray(MAC_END);
    if (sealed === undefined) throw new Violation('E2', `event ${index} is readable and has no payload`);
    const text = this.#decrypt(index, seed, sealed);
    const event: AuditEvent = JSON.parse(text.toString());
    this.#checkEntry(index, event, entry, seed);
    const raw = rawOf(engine, disk, index);
    if (raw !== undefined) this.#checkRaw(index, event, this.#decrypt(index, seed, raw));
    this.#onceOnly(this.#seeds, seed.toString('hex'), index);
    this.#remember(index, event);
  }

  #checkRaw(index: number, event: AuditEvent, bytes: Buffer): void {
    if (createHash('sha256').update(bytes).digest('base64') !== event.raw?.sha256)
      throw new Violation('E2', `the verbatim bytes of event ${index} are others`);
  }

  #decrypt(index: number, seed: Buffer, sealed: Uint8Array): Buffer {
    this.checkNonce(index, seed, sealed);
    const key = createHash('shake256', { outputLength: 32 }).update('stele/enc/v1\0').update(seed).digest();
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES));
    const place = Buffer.alloc(8);
    place.writeBigUInt64BE(BigInt(index));
    decipher.setAAD(Buffer.concat([Buffer.from(this.#origin), place]));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      throw new Violation('E2', `event ${index} is readable and does not open under its seed`);
    }
  }

  /** E3: no nonce comes twice with a key, not even where the first commit was lost. */
  checkNonce(index: number, seed: Buffer, sealed: Uint8Array): void {
    const nonce = `${seed.toString('hex')} ${Buffer.from(sealed.subarray(0, NONCE_BYTES)).toString('hex')}`;
    const tag = Buffer.from(sealed.subarray(-TAG_BYTES)).toString('hex');
    const before = this.#nonces.get(nonce);
    this.#nonces.set(nonce, tag);
    if (before !== undefined && before !== tag)
      throw new Violation('E3', `the nonce of event ${index} was used before with its key`);
  }

  #checkEntry(index: number, event: AuditEvent, entry: Uint8Array, seed: Buffer): void {
    const { commitment: _, ...leaf } = decodeLeaf(entry);
    const whole = discloseEvent(nodeEventHasher, event, { leafIndex: leafIndex(index), ...leaf, seed });
    if (Buffer.compare(disclosedEntry(nodeEventHasher, whole), entry) !== 0)
      throw new Violation('E2', `leaf ${index} is not what its event and its durable seed make`);
  }

  #onceOnly(seen: Map<string, number>, what: string, index: number): void {
    const before = seen.get(what);
    if (before !== undefined && before !== index)
      throw new Violation('E3', `events ${before} and ${index} have one seed`);
    seen.set(what, index);
  }

  #remember(index: number, event: AuditEvent): void {
    const name = idName(event.id, event.tenant);
    const before = this.#byName.get(name);
    if (before !== undefined && before !== index)
      throw new Violation('E5', `the id ${name} is that of events ${before} and ${index}`);
    this.#byName.set(name, index);
    this.events[index] = { id: event.id, tenant: event.tenant, name, body: bodyOf(event) };
  }

  /** Where an id is. */
  placeOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  /** E5 and E6, for an answer to a client. */
  onAck(server: Server, task: Task, { indexes, isNew, head }: AppendResult): void {
    if (indexes.length !== task.texts.length || isNew.length !== indexes.length)
      throw new Violation('S5', `${task.texts.length} events, ${indexes.length} indexes`);
    for (const [i, index] of indexes.entries()) {
      if (index >= head.size) throw new Violation('S15', `index ${index} in a tree of ${head.size}`);
      if (isNew[i] === true && this.#ackedNew.has(index))
        throw new Violation('S5', `index ${index} was given twice`);
      if (isNew[i] === true) this.#ackedNew.add(index);
      this.#checkPlace(server, task, i, index);
    }
    this.#checkKey(server, task, indexes, isNew);
  }

  #checkPlace({ disk }: Server, task: Task, i: number, index: number): void {
    const known = this.events[index];
    if (known === undefined || disk.events.seedOf(index) === undefined) return;
    const { event, hasId } = submissionOf(task.texts[i] ?? '', () => 'none');
    if (hasId && idName(event.id, event.tenant) !== known.name)
      throw new Violation('E5', `event ${index} was answered for another id`);
    if (bodyOf(event) !== known.body)
      throw new Violation('E6', `event ${index} was answered for an event that it is not`);
  }

  #checkKey(server: Server, task: Task, indexes: readonly number[], isNew: readonly boolean[]): void {
    if (task.retryKey === undefined) return;
    const before = this.#keys.get(task.keyName);
    if (before === undefined || isLeftBehind(before, server)) {
      this.#keys.set(task.keyName, { indexes, server, addedNone: !isNew.includes(true) });
      return;
    }
    if (this.#lostRows.has(`retry ${task.keyDigest}`)) return;
    const isSame =
      before.indexes.length === indexes.length && before.indexes.every((at, i) => at === indexes[i]);
    if (isNew.includes(true) || !isSame)
      throw new Violation(
        'S5',
        `a retry was answered with ${indexes[0]}, the first time with ${before.indexes[0]}`,
      );
  }

  /** E5: a refusal names an event that has the id, and is another. */
  onConflict({ disk }: Server, task: Task, details: Readonly<Record<string, unknown>>): void {
    const { index, position } = details;
    const known = this.events[Number(index)];
    const { event } = submissionOf(task.texts[Number(position)] ?? '', () => 'none');
    if (known === undefined && Number(index) < this.events.length) return;
    // Of two in one request that are different the second names a place that was never given.
    const twins = task.texts
      .map((text) => submissionOf(text, () => '').event)
      .filter(({ id }) => id === event.id);
    if (new Set(twins.map(bodyOf)).size > 1) return;
    if (known?.name !== idName(event.id, event.tenant) || known.body === bodyOf(event))
      throw new Violation('E5', `${event.id} is called that of another event, ${String(index)}`);
    if (disk.events.seedOf(Number(index)) === undefined)
      throw new Violation('E5', `${event.id} was compared with an event whose seed is lost`);
  }
}

/**
 * The key of a request that added no event is in no tree, and no guard shows it: what kept it in one folder is not in another on which
 * a rival went on.
 */
function isLeftBehind({ addedNone, server: { hadRival, engine } }: KeptKey, now: Server): boolean {
  return addedNone && hadRival && engine?.lineage !== now.engine?.lineage;
}

function rowOf(engine: Engine, key: Uint8Array): Uint8Array | undefined {
  const stored = engine.peek(keyText(key));
  return stored === undefined ? undefined : unsealValue(key, stored);
}

function rawOf(engine: Engine, disk: Server['disk'], index: number): Uint8Array | undefined {
  const name = rowOf(engine, blobKey(index));
  if (name === undefined) return rowOf(engine, rawKey(index));
  const bytes = disk.events.blob(name);
  if (bytes === undefined)
    throw new Violation('E1', `event ${index} is readable and its file is not durable`);
  return bytes;
}
