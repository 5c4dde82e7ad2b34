import { TlogError } from '../../src/core/error.ts';
import { appendLeaves } from '../../src/core/merkle/frontier.ts';
import { formatCheckpoint } from '../../src/core/note/checkpoint.ts';
import { formatNote } from '../../src/core/note/signed-note.ts';
import { treeSize } from '../../src/core/units.ts';
import { idempotencyOf } from '../../src/http/idempotency.ts';
import type { checkCommit } from '../../src/sequencer/self-check.ts';
import type { Guard } from '../../src/store/guard.ts';
import type { GuardFiles } from '../../src/store/guard-files.ts';
import { decodeSlot, SLOT_BYTES } from '../../src/store/guard-slot.ts';
import type { LevelEngine } from '../../src/store/level-store.ts';
import { OPEN_KEY, STATE_KEY } from '../../src/store/rows.ts';
import type { CommitOutcome, Store, StoreBatch } from '../../src/store/store.ts';
import { type Image, KEY, ORIGIN } from './image.ts';
import { keyText } from './rows.ts';
import type { Server } from './server.ts';
import type { RunOptions } from './world.ts';

/** What a planted bug may put in the place of production functions; the test mocks their modules with it. */
export interface Planted {
  checkCommit?: typeof checkCommit;
  skipsGuardCheck?: true;
  shortRetryKeys?: true;
  forgetsRetries?: true;
  believesLeafIndex?: true;
  believesSignatures?: true;
  skipsTreeCheck?: true;
  goesOn?: true;
  takesAnyEvent?: true;
  scrub?: ScrubBug;
}

/** What is wrong with a scrubber, or with what a finding leads to. */
export type ScrubBug =
  | 'skips the last bundle'
  | 'skips the edge'
  | 'believes the checks of rows'
  | 'believes inner hashes'
  | 'compares with another root'
  | 'blames a commit under way'
  | 'stops no signature'
  | 'calls a finding in no file kept';

/** A bug as it might be written, planted at a seam. */
export interface Mutant {
  readonly name: string;
  /** A seed that caught it: tried first, so that the suite is quick. */
  readonly seed: number;
  /** No seed below a thousand leads there as plans are made now: a kept plan does. */
  readonly isRare?: true;
  readonly options?: RunOptions;
  readonly planted?: Planted;
}

type Chain = ReturnType<LevelEngine['batch']>;
type Write = (write: () => Promise<void>, rows: readonly Row[], begin: () => Chain) => Promise<void>;
type Row = readonly [Uint8Array, Uint8Array | undefined];

/** An engine whose writes go another way. */
function writingEngine(engine: LevelEngine, write: Write): LevelEngine {
  const begin = (): Chain => engine.batch();
  return overriding(engine, {
    batch: () => {
      const chain = begin();
      const rows: Row[] = [];
      return {
        put: (key, value) => {
          rows.push([key, value]);
          return chain.put(key, value);
        },
        del: (key) => {
          rows.push([key, undefined]);
          return chain.del(key);
        },
        write: () => write(() => chain.write({ sync: true }), rows, begin),
      };
    },
  });
}

/** The same object with some methods replaced. */
export function overriding<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get: (target, name) => {
      const own = methods[name as keyof T];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function chainOf(begin: () => Chain, rows: readonly Row[]): Chain {
  const chain = begin();
  for (const [key, value] of rows) value === undefined ? chain.del(key) : chain.put(key, value);
  return chain;
}

const ackBeforeSync: Write = (_, rows, begin) =>
  chainOf(begin, rows).write({ sync: false } as unknown as { sync: true });

const splitInTwo: Write = async (_, rows, begin) => {
  const middle = Math.ceil(rows.length / 2);
  await chainOf(begin, rows.slice(0, middle)).write({ sync: true });
  if (rows.length > 1) await chainOf(begin, rows.slice(middle)).write({ sync: true });
};

const retryOnSameHandle: Write = (write, rows, begin) =>
  write().catch(() => chainOf(begin, rows).write({ sync: true }));

/** A store that says yes whatever came of the write, or before it is done, and shows rows that may never come. */
function hastyStore(store: Store, waits = false): Store {
  const rows = new Map<string, Uint8Array>();
  const read = (key: Uint8Array): Uint8Array | undefined =>
    rows.get(keyText(key)) ?? (store.get(key) as Uint8Array);
  return overriding(store, {
    get: read,
    getMany: (keys) => keys.map(read),
    commit: async (batch: StoreBatch): Promise<CommitOutcome> => {
      for (const { key, value } of batch.puts) rows.set(keyText(key), value);
      const written = store.commit(batch);
      if (waits) await written;
      return 'committed';
    },
  });
}

/** Writes with the engine again after it has failed. */
function forgivingStore(store: Store, { engine }: Server): Store {
  return overriding(store, {
    commit: async ({ puts, deletes }): Promise<CommitOutcome> => {
      if (engine === undefined) return 'unknown';
      const rows: Row[] = [
        ...puts.map(({ key, value }) => [key, value] as const),
        ...deletes.map((key) => [key, undefined] as const),
      ];
      const written = chainOf(() => engine.batch(), rows).write({ sync: true });
      return written.then(
        () => 'committed',
        () => 'unknown',
      );
    },
  });
}

function isOpenMark({ puts }: StoreBatch): boolean {
  return puts.length === 1 && puts[0] !== undefined && keyText(puts[0].key) === keyText(OPEN_KEY);
}

const guards = new WeakMap<Server, Guard>();

/** Raises the guard for a batch that is not written yet. */
function guardFirst(store: Store, server: Server): Store {
  return overriding(store, {
    commit: async (batch) => {
      const state = batch.puts.find(({ key }) => keyText(key) === keyText(STATE_KEY))?.value;
      if (state !== undefined) await guards.get(server)?.raise(await markOf(state));
      return store.commit(batch);
    },
  });
}

async function markOf(state: Uint8Array): Promise<Guard['mark']> {
  const view = new DataView(state.buffer, state.byteOffset);
  const size = treeSize(view.getUint32(0) * 2 ** 32 + view.getUint32(4));
  const rootHash = state.slice(8, 40);
  const text = formatCheckpoint({ origin: ORIGIN, size, rootHash, extensions: [] });
  const { name, keyId } = KEY;
  return {
    size,
    rootHash,
    note: formatNote(text, [{ name, keyId, signature: await KEY.sign(Buffer.from(text)) }]),
  };
}

function withRaise(change: (raise: () => ReturnType<Guard['raise']>) => ReturnType<Guard['raise']>) {
  return (guard: Guard): Guard => overriding(guard, { raise: (mark) => change(() => guard.raise(mark)) });
}

/** Hides all but the smallest mark of each file. */
function lowestSlots(files: GuardFiles): GuardFiles {
  return overriding(files, {
    readFile: async (path) => {
      const bytes = await files.readFile(path);
      const slots = [0, SLOT_BYTES].map((at) => ({
        at,
        mark: decodeSlot(bytes.subarray(at, at + SLOT_BYTES)),
      }));
      const valid = slots
        .filter(({ mark }) => mark !== undefined)
        .sort((a, b) => (a.mark?.size ?? 0) - (b.mark?.size ?? 0));
      for (const { at } of valid.slice(1)) bytes.fill(0, at, at + SLOT_BYTES);
      return bytes;
    },
  });
}

/** Looks at one of the two names only. */
function blindTo(which: 'rival' | 'own'): (files: GuardFiles) => GuardFiles {
  return (files) => {
    let own = '';
    return overriding(files, {
      openNew: (path) => {
        own = path;
        return files.openNew(path);
      },
      exists: (path) => {
        if (which === 'own' && path === own) return true;
        if (which === 'rival' && path !== own) return false;
        return files.exists(path);
      },
    });
  };
}

/** Syncs the folder once a take-over, before the lower files are removed. */
function syncsOnce(files: GuardFiles): GuardFiles {
  let synced = 0;
  return overriding(files, {
    syncFolder: async (path) => {
      synced += 1;
      if (synced === 1) await files.syncFolder(path);
    },
  });
}

/** Drops what was committed and not guarded, as a start would that counts on from the guard. */
function dropUnsigned(engine: LevelEngine, { disk, site }: Server): LevelEngine {
  const guarded = site.guardDisk.best()?.size ?? 0;
  const { file } = disk;
  while ((file.batches.findLast((batch) => batch.size !== undefined)?.size ?? 0) > guarded)
    file.batches.pop();
  file.synced = Math.min(file.synced, file.batches.length);
  return engine;
}

/** Takes a database without rows for a new log, and makes its guard anew. */
function newWhenEmpty(image: () => Image) {
  return (engine: LevelEngine, { disk, site }: Server): LevelEngine => {
    const isEmpty = !disk.hasCurrent || disk.view().get(keyText(STATE_KEY)) === undefined;
    if (!isEmpty) return engine;
    disk.replace(image().disk.view());
    site.guardDisk.become(image().guardDisk);
    return engine;
  };
}

const withoutReadBack: typeof checkCommit = async (hasher, _store, state, plan) =>
  appendLeaves(
    hasher,
    state.frontier,
    plan.leaves.map((leaf) => leaf.leafHash),
  );

/** Reads back, and believes the root that was planned. */
function withoutRootCheck(real: typeof checkCommit): typeof checkCommit {
  return async (...args) => {
    try {
      return await real(...args);
    } catch (error) {
      if (error instanceof TlogError && /root|extend/.test(error.message))
        return appendLeaves(
          args[0],
          args[2].frontier,
          args[3].leaves.map((leaf) => leaf.leafHash),
        );
      throw error;
    }
  };
}

/** The planted bugs. `empty` is a log of size 0, `realCheck` the check that some of them cut. */
export function mutants(empty: () => Image, realCheck: typeof checkCommit): Mutant[] {
  const seams = (name: string, seed: number, part: NonNullable<RunOptions['seams']>): Mutant => ({
    name,
    seed,
    options: { seams: part },
  });
  const plant = (name: string, seed: number, planted: Planted): Mutant => ({ name, seed, planted });
  return [
    seams('ack before sync', 0, { engine: (engine) => writingEngine(engine, ackBeforeSync) }),
    seams('sign before the sync returned', 0, { store: (store) => hastyStore(store) }),
    seams('head readable before the guard is raised', 0, {
      guard: withRaise(async (raise) => {
        void raise();
        return 'raised';
      }),
    }),
    seams('guard raised before the batch', 0, {
      store: guardFirst,
      guard: (guard, server) => {
        guards.set(server, guard);
        return guard;
      },
    }),
    seams('retry after a write error on the same handle', 0, {
      engine: (engine) => writingEngine(engine, retryOnSameHandle),
    }),
    seams('batch split in two', 10, { engine: (engine) => writingEngine(engine, splitInTwo) }),
    seams('superseded is ignored', 0, {
      guard: withRaise((raise) => raise().then((outcome) => (outcome === 'superseded' ? 'raised' : outcome))),
    }),
    seams('an unknown raise counts as raised', 0, {
      guard: withRaise((raise) => raise().then((outcome) => (outcome === 'unknown' ? 'raised' : outcome))),
    }),
    seams('an unknown commit counts as done', 0, {
      store: (store) => hastyStore(store, true),
    }),
    {
      name: 'an unknown commit counts as failed, and the log goes on',
      seed: 0,
      planted: { goesOn: true },
      options: { seams: { store: forgivingStore } },
    },
    seams('an index is used again after a crash', 0, { engine: dropUnsigned }),
    seams('an empty database is taken for a new log', 217, { engine: newWhenEmpty(empty) }),
    seams('the first write of a process is left out', 2, {
      store: (store) =>
        overriding(store, {
          commit: (batch) => (isOpenMark(batch) ? Promise.resolve('committed') : store.commit(batch)),
        }),
    }),
    seams('the guard is not synced', 0, {
      files: (files, server) => {
        server.site.guardDisk.syncsWrites = false;
        return files;
      },
    }),
    seams('the lowest slot of the guard is taken', 0, { files: lowestSlots }),
    seams("the rival's file is not looked for", 216, { files: blindTo('rival') }),
    seams('the own file is not looked for', 42, { files: blindTo('own') }),
    { ...seams('a take-over does not sync what it removes', 919, { files: syncsOnce }), isRare: true },
    plant('the start does not compare with the guard', 0, { skipsGuardCheck: true }),
    plant('the commit is not read back', 8, { checkCommit: withoutReadBack }),
    plant('the root is not checked', 37, { checkCommit: withoutRootCheck(realCheck) }),
    plant('signatures are not verified', 3, { believesSignatures: true }),
    plant('retry keys are compared by 8 bytes', 0, { shortRetryKeys: true }),
    plant('a leaf found by 16 bytes is believed', 0, { believesLeafIndex: true }),
    plant('retry keys are not stored', 0, { forgetsRetries: true }),
    plant('entries are not re-hashed at a start', 42, { skipsTreeCheck: true }),
    plant('a scrubber skips the last bundle', 3, { scrub: 'skips the last bundle' }),
    plant('a scrubber skips the edge', 8, { scrub: 'skips the edge' }),
    plant('a scrubber believes the checks of rows', 4, { scrub: 'believes the checks of rows' }),
    plant('a scrubber believes inner hashes', 12, { scrub: 'believes inner hashes' }),
    plant('a scrubber compares kept heads with the root of another size', 1, {
      scrub: 'compares with another root',
    }),
    plant('a scrubber blames a commit under way', 9, { scrub: 'blames a commit under way' }),
    plant('a finding stops no signature', 1, { scrub: 'stops no signature' }),
    plant('a finding in no file leaves the mark of a clean stop', 1, {
      scrub: 'calls a finding in no file kept',
    }),
    seams('what a scrubber finds is told to nobody', 1, {
      scrubbed: (log) => ({ ...log, report: () => undefined }),
    }),
    {
      name: "another token's key answers",
      seed: 0,
      options: { keyDigest: (_, key, entries) => idempotencyOf('', key, entries) },
    },
  ];
}
