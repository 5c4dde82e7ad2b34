import { concatBytes, equalBytes } from '../core/bytes.ts';
import { formatBase64 } from '../core/encoding/base64.ts';
import { formatHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import { commitmentTo, type EventHasher } from '../core/event/commitment.ts';
import { type AuditEvent, eventText } from '../core/event/event.ts';
import { decodeLeaf } from '../core/event/leaf.ts';
import { type LeafIndex, leafIndex, treeSize } from '../core/units.ts';
import type { Blobs } from '../events/blobs.ts';
import { encryptionKey, type IdHasher } from '../events/event-keys.ts';
import { openBytes, placeOf } from '../events/sealed-bytes.ts';
import type { Seeds } from '../events/seeds.ts';
import { corruptRow, decodedRow } from '../store/corrupt-row.ts';
import { blobKey, decodePayload, eventIdKey, eventIndexOf, payloadKey, rawKey } from '../store/event-rows.ts';
import { decodeIndex } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { damageOf } from './finding.ts';
import type { StoredEvent } from './log.ts';
import type { LogReader } from './log-reader.ts';

/** What events are read with. */
export interface EventReaderDeps {
  readonly origin: string;
  readonly hasher: EventHasher;
  readonly store: Pick<Store, 'get'>;
  readonly seeds: Pick<Seeds, 'has' | 'read'>;
  readonly blobs: Pick<Blobs, 'read'>;
  readonly ids: IdHasher;
  readonly reader: Pick<LogReader, 'readEntries'>;
  /** Size of the tree that readers see. */
  size(): number;
}

/** What a row says in secret. */
interface Sealed {
  readonly seed: Uint8Array;
  readonly row: Uint8Array;
  /** @throws TlogError where the row has another form */
  sealed(): Uint8Array;
  /** What is wrong when it does not open. */
  readonly damaged: string;
}

/** Reads events and checks each against its leaf: what the tree does not commit to is never given out. */
export class EventReader {
  readonly #deps: EventReaderDeps;

  constructor(deps: EventReaderDeps) {
    this.#deps = deps;
  }

  /** The leaf of an id; undefined when no event in the tree has it. */
  async find(id: string, tenant: string | undefined): Promise<LeafIndex | undefined> {
    const { store, ids, size } = this.#deps;
    const key = eventIdKey(ids.keyOf(id, tenant));
    const row = await store.get(key);
    const index = row === undefined ? undefined : decodedRow(key, row, decodeIndex);
    // The row is written in the commit itself; until the head covers it, it is not there for readers.
    return index === undefined || index >= size() ? undefined : index;
  }

  /** @throws TlogError payload_unavailable, storage_corrupt */
  async read(index: LeafIndex): Promise<StoredEvent> {
    const { hasher, reader } = this.#deps;
    const event = await this.open(index);
    // One entry.
    const leaf = decodeLeaf(concatBytes(...(await reader.readEntries(index, treeSize(index + 1)))));
    const seed = this.#seedOf(index);
    if (!equalBytes(commitmentTo(hasher, eventText(event), seed), leaf.commitment))
      throw corruptRow(payloadKey(index), 'is not what its leaf commits to');
    return { index, event, leaf, seed };
  }

  /** The event of a payload, not yet compared with its leaf. @throws TlogError as `read` */
  async open(index: LeafIndex): Promise<AuditEvent> {
    const seed = this.#seedOf(index);
    const row = payloadKey(index);
    const stored = await this.#deps.store.get(row);
    if (stored === undefined) throw corruptRow(row, 'is missing');
    const sealed = (): Uint8Array => decodePayload(stored).sealed;
    // The check of the row has held: it is what was written.
    return parsed(
      this.#open({ seed, row, sealed, damaged: 'the seed of its event in the file seeds, or it,' }),
    );
  }

  /** The verbatim bytes that an event describes; undefined when they were never sent. @throws TlogError as `read` */
  async readRaw(index: LeafIndex): Promise<Uint8Array | undefined> {
    return this.rawOf(await this.read(index));
  }

  /** Whether verbatim bytes came with an event. At most two reads. */
  async hasRaw(index: LeafIndex): Promise<boolean> {
    const { store } = this.#deps;
    for (const key of [rawKey(index), blobKey(index)]) if ((await store.get(key)) !== undefined) return true;
    return false;
  }

  /** The verbatim bytes of an event that was read. @throws TlogError storage_corrupt */
  async rawOf({ index, event, seed }: StoredEvent): Promise<Uint8Array | undefined> {
    if (event.raw === undefined) return undefined;
    const { store } = this.#deps;
    const name = await store.get(blobKey(index));
    // The seed has opened the event itself.
    const [row, sealed, damaged] =
      name === undefined
        ? [rawKey(index), await store.get(rawKey(index)), 'it']
        : [blobKey(index), await this.#file(blobKey(index), name), `its file raw/${formatHex(name)}`];
    if (sealed === undefined) return undefined;
    const bytes = this.#open({ seed, row, sealed: () => sealed, damaged });
    if (formatBase64(this.#deps.hasher.sha256(bytes)) === event.raw.sha256) return bytes;
    throw corruptRow(row, 'is not what its event describes');
  }

  /** The file that a row names. @throws TlogError storage_corrupt that names the row, storage_unreadable */
  async #file(row: Uint8Array, name: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#deps.blobs.read(name);
    } catch (error) {
      if (damageOf(error) === undefined) throw error;
      throw corruptRow(row, `names the file raw/${formatHex(name)}, which is gone`, error);
    }
  }

  #seedOf(index: LeafIndex): Uint8Array {
    const { seeds } = this.#deps;
    if (seeds.has(index)) return seeds.read(index, index + 1);
    const message = `event ${leafIndex(index)} was restored without its secret: it is proven, and cannot be read`;
    throw new TlogError('payload_unavailable', message, { details: { index } });
  }

  #open({ seed, row, sealed, damaged }: Sealed): Uint8Array {
    const { origin, hasher } = this.#deps;
    const place = placeOf(origin, eventIndexOf(row));
    try {
      return openBytes({ key: encryptionKey(hasher, seed), place }, sealed());
    } catch (cause) {
      throw corruptRow(row, `does not open: ${damaged} is damaged`, cause);
    }
  }
}

/** Written by us, and compared with what the leaf commits to. */
function parsed(text: Uint8Array): AuditEvent {
  return JSON.parse(Buffer.from(text).toString('utf8'));
}
