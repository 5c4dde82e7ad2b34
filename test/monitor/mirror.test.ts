import { describe, expect, test } from 'vitest';
import { equalBytes } from '../../src/core/bytes.ts';
import type { BundleId } from '../../src/core/tile/path.ts';
import { PART_BYTES } from '../../src/monitor/bundle-parts.ts';
import { type MirrorState, mirrorBundle, mirrorOf } from '../../src/monitor/mirror.ts';
import type { CommitOutcome, StoreBatch } from '../../src/store/store.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { testSigner } from '../support/growing-log.ts';
import { MemoryGuard, MemoryStore, openDesk } from '../support/monitor-desk.ts';
import { History, TileLog, type View } from '../support/tile-log.ts';

const ORIGIN = 'log.example/main';
const log = new TileLog(testSigner(ORIGIN));
/** Entries as long as they may be. */
const large = new History(Array.from({ length: 300 }, (_, i) => new Uint8Array(65_535).fill(i)));

class SizedStore extends MemoryStore {
  /** Bytes of the values of each commit, and of the longest. */
  readonly commits: number[] = [];
  longest = 0;
  override commit(batch: StoreBatch): Promise<CommitOutcome> {
    const lengths = batch.puts.map(({ value }) => value.length);
    this.commits.push(lengths.reduce((sum, length) => sum + length, 0));
    this.longest = Math.max(this.longest, ...lengths);
    return super.commit(batch);
  }
}

async function mirrored(store: SizedStore, sizes: readonly number[]): Promise<MirrorState> {
  const view: { now: View } = { now: { history: large, size: 0 } };
  const settings = { origin: ORIGIN, trust: { vkey: log.signer.vkey }, mirror: true };
  const memory = { store, guard: new MemoryGuard() };
  const desk = await openDesk(settings, (url) => log.answer(view.now, url), memory);
  for (const size of sizes) {
    view.now = { history: large, size };
    expect(await desk.round()).toEqual([]);
  }
  const found = desk.monitor.byHash(originHash(ORIGIN));
  if (found === undefined) throw new Error('not followed');
  return mirrorOf(found.follower.state);
}

async function serves(state: MirrorState, bundle: BundleId): Promise<boolean> {
  const bytes = await mirrorBundle(state, bundle);
  return bytes !== undefined && equalBytes(bytes, large.bundle(bundle));
}

describe('MONITOR-3 MONITOR-8 a mirror of the largest entries', () => {
  test.each([
    [[300]],
    [[1, 7, 8, 9, 60, 255, 256, 257, 300]],
  ])('serves them as it grows through %j, and stores few bytes at once', async (sizes) => {
    const store = new SizedStore();
    const state = await mirrored(store, sizes);
    for (const [index, width] of [
      [0, 256],
      [0, 9],
      [1, 44],
      [1, 1],
    ] as const)
      expect(await serves(state, { index, width })).toBe(true);
    expect(store.longest).toBeLessThan(PART_BYTES + 65_537);
    expect(Math.max(...store.commits)).toBeLessThan(5 * 1024 * 1024);
  });

  test('of a bundle of which a crash has left less than is verified nothing is served', async () => {
    const store = new SizedStore();
    const state = await mirrored(store, [60]);
    const keys = [...store.rows.keys()].filter((key) => key.startsWith('62')).sort();
    expect(keys).toHaveLength(8);
    store.rows.delete(keys[1] ?? '');
    expect(await serves(state, { index: 0, width: 8 })).toBe(true);
    expect(await mirrorBundle(state, { index: 0, width: 9 })).toBeUndefined();
  });
});
