import type { PayloadCopy } from '../backup/event-copies.ts';
import type { KnownEventRow } from '../backup/event-rows.ts';
import type { BundleId } from '../core/tile/path.ts';
import type { TileId } from '../core/tile/tile.ts';
import type { SeedRun } from '../events/seed-file.ts';
import type { SignedHead } from '../sequencer/log.ts';
import type { KeyedRetry } from '../store/rows.ts';

/**
 * Where the bytes of a log can come from: its own rows, a mirror, a backup. Nothing that it gives is believed. What it
 * does not have, or not in the right form, is undefined.
 */
export interface TreeSource {
  /** width·32 bytes. */
  tile(tile: TileId): Promise<Uint8Array | undefined>;
  /** An entry bundle of `width` entries. */
  bundle(bundle: BundleId): Promise<Uint8Array | undefined>;
  /** Kept heads, ascending; absent where the source has none to give. */
  heads?(): AsyncIterable<SignedHead>;
  /** Retry keys in any order; absent where the source has none to give. */
  retries?(): AsyncIterable<KeyedRetry>;
  /** What is stored of events, by index; absent where the source has none to give. */
  payloads?(): AsyncIterable<PayloadCopy>;
  /** Seeds of events, by index; absent where the source has none to give. */
  seeds?(): AsyncIterable<SeedRun>;
  /** Ids and retry keys of events in any order; absent where the source has none to give. */
  eventRows?(): AsyncIterable<KnownEventRow>;
}
