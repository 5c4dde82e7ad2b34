import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { contentHash } from '../../src/sequencer/content-hash.ts';
import type { NewLog } from '../../src/sequencer/create-log.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import type { Finding } from '../../src/sequencer/finding.ts';
import type { AppendRequest } from '../../src/sequencer/log.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import { sealValue, unsealValue } from '../../src/store/checked-store.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { newDataDirectory } from './test-log.ts';

/** What the operator was told. */
export interface Alert {
  readonly finding: Finding;
  readonly unkept: unknown;
}

/** A log on real files whose rows can be spoiled while it runs. */
export interface RottingLog {
  readonly dir: DataDirectory;
  readonly log: RunningLog;
  readonly alerts: readonly Alert[];
  /** Changes one bit of a stored row, so that its check fails. */
  rot(key: Uint8Array, at?: number): Promise<void>;
  /** Changes the value of a row and seals it again, so that only its content is wrong. */
  change(key: Uint8Array, edit: (value: Uint8Array) => Uint8Array): Promise<void>;
  drop(key: Uint8Array): Promise<void>;
  /** The row as it is stored, to be put back. */
  raw(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, sealed: Uint8Array | undefined): Promise<void>;
}

/** Opens the log `main` of a directory, or of a new one. */
export async function rottingLog({
  dir,
  clock = systemClock,
  ...log
}: Partial<NewLog> & { dir?: DataDirectory; clock?: Clock } = {}): Promise<RottingLog> {
  const place = dir ?? (await newDataDirectory(log));
  const files = await logOnFiles({ dir: place, clock }, 'main');
  const engine = await LevelStore.open(`${place.dataPath}/logs/main/db`);
  const alerts: Alert[] = [];
  const onFinding = (finding: Finding, unkept: unknown) => alerts.push({ finding, unkept });
  const running = await startLog({ ...files, openStore: async () => engine }, { onFinding });
  onTestFinished(() => running.close());
  const put: RottingLog['put'] = async (key, sealed) => {
    const batch =
      sealed === undefined ? { puts: [], deletes: [key] } : { puts: [{ key, value: sealed }], deletes: [] };
    if ((await engine.commit(batch)) !== 'committed') throw new Error('the test could not write');
  };
  const raw = (key: Uint8Array): Uint8Array => {
    const sealed = engine.get(key);
    if (sealed === undefined) throw new RangeError(`no row ${Buffer.from(key).toString('hex')}`);
    return new Uint8Array(sealed);
  };
  return {
    dir: place,
    log: running,
    alerts,
    raw: (key) => engine.get(key),
    put,
    drop: (key) => put(key, undefined),
    rot: (key, at = 0) => put(key, flipped(raw(key), at)),
    change: (key, edit) => put(key, sealValue(key, edit(unsealValue(key, raw(key)).slice()))),
  };
}

/** The bytes with one bit changed, in fresh memory. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Appends `entry <start>` to `entry <end - 1>`, under retry keys where given, at most 4,000 a request. */
export async function fill(log: RunningLog, start: number, end: number, keyed = false): Promise<void> {
  for (let from = start; from < end; from += 4_000) {
    const count = Math.min(4_000, end - from);
    const entries = Array.from({ length: count }, (_, i) => Buffer.from(`entry ${from + i}`));
    await log.append(keyed ? { entries, ...keyOf(from, entries) } : { entries });
  }
}

function keyOf(number: number, entries: readonly Uint8Array[]): Pick<AppendRequest, 'idempotency'> {
  return { idempotency: { key: retryKeyNumber(number), contentHash: contentHash(entries) } };
}

/** The retry key under which the entries from a number on were filled in. */
export function retryKeyNumber(number: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(32, `key ${number};`));
}
