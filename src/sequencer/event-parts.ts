import { decodeLeaf } from '../core/event/leaf.ts';
import { type LeafIndex, leafIndex } from '../core/units.ts';
import type { EventKeeping } from '../events/event-files.ts';
import { type Sealer, SealerHere } from '../events/sealer.ts';
import { SealerBeside } from '../events/sealer-beside.ts';
import { freshIds } from '../events/ulid.ts';
import type { Clock } from '../runtime/clock.ts';
import { nodeEventHasher } from '../runtime/event-hasher.ts';
import type { Now } from '../runtime/now.ts';
import { decodedRow } from '../store/corrupt-row.ts';
import { decodeBlobName } from '../store/event-rows.ts';
import { LETTER, rowsAfter } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import { EventPlacer } from './event-placer.ts';
import { EventReader } from './event-reader.ts';
import { type Damage, damageOf } from './finding.ts';
import type { AppendResult, EventLog, EventRequest, StoredEvent } from './log.ts';
import type { LogReader } from './log-reader.ts';
import type { LogManifest } from './manifest.ts';
import type { TreeState } from './tree-state.ts';

/** What a log of events is run with, beside what every log is. */
export interface EventParts {
  readonly keeping: EventKeeping;
  readonly placer: EventPlacer;
  readonly reader: EventReader;
}

interface EventDeps {
  readonly manifest: LogManifest;
  readonly store: Store;
  readonly reader: LogReader;
  readonly clock: Clock;
  readonly keeping: EventKeeping;
}

/** Puts them together for a tree that was just recovered. */
export async function startEvents(deps: EventDeps, state: TreeState): Promise<EventParts> {
  const { manifest, store, reader, keeping, clock } = deps;
  const { origin } = manifest;
  const hasher = nodeEventHasher;
  const last = state.size === 0 ? [] : await reader.readEntries(leafIndex(state.size - 1), state.size);
  const receivedMs = Math.max(0, ...last.map((entry) => decodeLeaf(entry).receivedMs));
  const placer = new EventPlacer({ ...keeping, hasher, store, clock, sealer: sealerOf(deps) }, receivedMs);
  const size = (): number => reader.size;
  return { keeping, placer, reader: new EventReader({ ...keeping, origin, hasher, store, reader, size }) };
}

function sealerOf({ manifest, clock, keeping: { random, sealing } }: EventDeps): Sealer {
  const { origin, publicLabels = [] } = manifest;
  const deps = { hasher: nodeEventHasher, random, origin, publicLabels };
  const here = new SealerHere(deps, clock);
  return sealing === undefined ? here : new SealerBeside(sealing, deps, here);
}

/**
 * Removes files that no row names: a commit that was lost has left them. Where a row is damaged none is removed, as it may name
 * any of them.
 * @returns the damage that was met
 */
export async function removeUnnamed(
  store: Pick<Store, 'iterate'>,
  { blobs }: Pick<EventKeeping, 'blobs'>,
): Promise<Damage | undefined> {
  try {
    const names: Uint8Array[] = [];
    for await (const [key, name] of store.iterate(rowsAfter(LETTER.blob)))
      names.push(decodedRow(key, name, decodeBlobName));
    await blobs.keepOnly(names);
    return undefined;
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return damage;
  }
}

/** How a running log lets events in and out. */
interface EventGate {
  append(request: EventRequest): Promise<AppendResult>;
  /** Wrong bytes met by a read become a finding. */
  watched<T>(read: () => Now<T>): Now<T>;
}

/** The events of a running log, for the outer rings. */
export function eventLog(
  { keeping, reader }: EventParts,
  clock: Pick<Clock, 'nowMs'>,
  { append, watched }: EventGate,
): EventLog {
  const { ids, random } = keeping;
  return {
    ids,
    freshId: freshIds(() => clock.nowMs(), random),
    append,
    find: async (id, tenant) => watched(() => reader.find(id, tenant)),
    read: async (index: LeafIndex): Promise<StoredEvent> => watched(() => reader.read(index)),
    readRaw: async (index) => watched(() => reader.readRaw(index)),
    hasRaw: async (index) => watched(() => reader.hasRaw(index)),
  };
}
