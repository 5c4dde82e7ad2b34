import { describe, expect, test } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { readKeyFile } from '../../src/keys/key-file.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { type DataDirectory, logPaths, readManifest } from '../../src/sequencer/data-directory.ts';
import { HeadSigner } from '../../src/sequencer/head-signer.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { QUEUE_LIMITS } from '../../src/sequencer/pending-queue.ts';
import { loadTree } from '../../src/sequencer/recovery.ts';
import { Sequencer } from '../../src/sequencer/sequencer.ts';
import { TileReader } from '../../src/sequencer/tile-reader.ts';
import { CheckedStore } from '../../src/store/checked-store.ts';
import { FileGuard } from '../../src/store/file-guard.ts';
import type { Guard, RaiseOutcome } from '../../src/store/guard.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { STATE_KEY } from '../../src/store/rows.ts';
import type { CommitOutcome, Store, StoreBatch } from '../../src/store/store.ts';
import { newDataDirectory } from '../support/test-log.ts';

/** What a fault does to the real store and guard beneath the sequencer. */
interface Fault {
  readonly commit?: (store: Store, batch: StoreBatch) => Promise<CommitOutcome>;
  readonly read?: (value: Uint8Array, key: Uint8Array) => Uint8Array | undefined;
  readonly raise?: (guard: Guard, mark: Guard['mark']) => Promise<RaiseOutcome>;
  readonly signature?: (signature: Uint8Array) => Uint8Array;
}

const entry = (i: number): Uint8Array => Buffer.from(`entry ${i}`);

async function openFaulty(dir: DataDirectory, fault: () => Fault) {
  const manifest = await readManifest(dir, 'main');
  const paths = logPaths(dir, 'main');
  const level = await LevelStore.open(paths.db);
  const real = new CheckedStore(level);
  const readOne = (value: Uint8Array | undefined, key: Uint8Array) =>
    value && fault().read ? fault().read?.(value, key) : value;
  const store: Store = {
    get: async (key) => readOne(await real.get(key), key),
    getMany: async (keys) => {
      const values = await real.getMany(keys);
      return keys.map((key, i) => readOne(values[i], key));
    },
    commit: (batch) => fault().commit?.(real, batch) ?? real.commit(batch),
    iterate: (range) => real.iterate(range),
    inPlace: () => real.inPlace(),
    accept: () => real.accept(),
    close: () => real.close(),
  };
  const guard = await FileGuard.takeOver(paths.guard);
  const faultyGuard: Guard = {
    mark: guard.mark,
    raise: (mark) => fault().raise?.(guard, mark) ?? guard.raise(mark),
    close: () => guard.close(),
  };
  const signer = createSigner(await readKeyFile(paths.key));
  const sign = async (text: Uint8Array): Promise<Uint8Array> => {
    const signature = await signer.sign(text);
    return fault().signature?.(signature) ?? signature;
  };
  const tiles = new TileReader(store, nodeHasher);
  const state = await loadTree(nodeHasher, store, tiles);
  await store.accept();
  const sequencer = new Sequencer(
    {
      store,
      guard: faultyGuard,
      signer: new HeadSigner(
        manifest.origin,
        { ...signer, sign },
        createNoteVerifier(manifest.vkey, ed25519Verify),
      ),
      hasher: nodeHasher,
      clock: systemClock,
      tiles,
      duplicates: 'key',
      leafHashIndex: true,
      limits: QUEUE_LIMITS,
      findLeaf: () => undefined,
      onCommit: () => undefined,
      onDamage: ({ message }) => new TlogError('log_damaged', message),
    },
    { head: guard.mark, state, signedAtMs: 0 },
  );
  const close = async (): Promise<void> => {
    await sequencer.close();
    await store.close();
    await guard.close();
  };
  return { sequencer, close };
}

const flipLast = (bytes: Uint8Array): Uint8Array => {
  const flipped = new Uint8Array(bytes);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  return flipped;
};

const flipStateOnly = (value: Uint8Array, key: Uint8Array): Uint8Array =>
  Buffer.compare(key, STATE_KEY) === 0 ? flipLast(value) : value;

const unknown = async (): Promise<'unknown'> => 'unknown';
const butDone = (store: Store, batch: StoreBatch): Promise<CommitOutcome> =>
  store.commit(batch).then(() => 'unknown');

/** name, fault, code that ends the process, size after a restart */
const faults: [string, Fault, string, number][] = [
  ['the commit fails and is not there', { commit: unknown }, 'commit_unknown', 2],
  ['the commit fails but is there', { commit: (store, batch) => butDone(store, batch) }, 'commit_unknown', 3],
  ['the commit is fenced', { commit: async () => 'fenced' }, 'commit_unknown', 2],
  ['the commit is acked and lost', { commit: async () => 'committed' }, 'self_check_failed', 2],
  ['a byte changes on the way to the disk', { read: flipLast }, 'self_check_failed', 3],
  ['only the state is read back wrong', { read: flipStateOnly }, 'self_check_failed', 3],
  ['a row is gone when read back', { read: () => undefined }, 'self_check_failed', 3],
  ['the signature comes out wrong', { signature: flipLast }, 'self_check_failed', 3],
  ['the guard fails and is not raised', { raise: unknown }, 'guard_unknown', 3],
  [
    'the guard fails but is raised',
    { raise: (guard, mark) => guard.raise(mark).then(unknown) },
    'guard_unknown',
    3,
  ],
  ['a rival has taken the guard over', { raise: async () => 'superseded' }, 'guard_superseded', 3],
];

describe('SEQ-3 SEQ-4 whatever goes wrong in a commit ends the log, and the next start is sound', () => {
  test.each(faults)('%s', async (_, fault, code, sizeAfter) => {
    const dir = await newDataDirectory();
    let now: Fault = {};
    const { sequencer, close } = await openFaulty(dir, () => now);
    await sequencer.append({ entries: [entry(0), entry(1)] });
    const { head } = sequencer.tree;
    now = fault;
    await expect(sequencer.append({ entries: [entry(2)] })).rejects.toMatchObject({ code: 'commit_unknown' });
    expect((await sequencer.failed).code).toBe(code);
    // Nothing more is taken, and what readers see is the head of before.
    await expect(sequencer.append({ entries: [entry(3)] })).rejects.toMatchObject({ code: 'commit_unknown' });
    expect([sequencer.tree.head, sequencer.hasFailed]).toEqual([head, true]);
    now = {};
    await close();
    const log = await openLog({ dir, clock: systemClock }, 'main');
    expect(log.head.size).toBe(sizeAfter);
    expect((await log.append({ entries: [entry(9)] })).indexes).toEqual([sizeAfter]);
    await log.close();
  });

  test('all that wait are told that their fate is unknown', async () => {
    const dir = await newDataDirectory();
    const { sequencer, close } = await openFaulty(dir, () => ({ commit: unknown }));
    const all = await Promise.allSettled([0, 1, 2].map((i) => sequencer.append({ entries: [entry(i)] })));
    expect(all.map((one) => (one.status === 'rejected' ? one.reason.code : 'ok'))).toEqual(
      Array(3).fill('commit_unknown'),
    );
    await close();
  });
});

describe('SEQ-1 one commit at a time', () => {
  test('from its batch to its raised guard, and the next takes all that queued meanwhile', async () => {
    const steps: string[] = [];
    const noted: Fault = {
      commit: (store, batch) => {
        steps.push('commit');
        return store.commit(batch);
      },
      raise: async (guard, mark) => {
        const outcome = await guard.raise(mark);
        steps.push(`raised ${mark.size}`);
        return outcome;
      },
    };
    const { sequencer, close } = await openFaulty(await newDataDirectory(), () => noted);
    const first = sequencer.append({ entries: [entry(0)] });
    await new Promise(setImmediate);
    const others = [1, 2, 3].map((i) => sequencer.append({ entries: [entry(i)] }));
    await Promise.all([first, ...others]);
    expect(steps).toEqual(['commit', 'raised 1', 'commit', 'raised 4']);
    await close();
  });
});

describe('SEQ-10 stopping', () => {
  test('finishes what waits and takes nothing more', async () => {
    const { sequencer, close } = await openFaulty(await newDataDirectory(), () => ({}));
    const waiting = [0, 1, 2].map((i) => sequencer.append({ entries: [entry(i)] }));
    const closing = sequencer.close();
    await expect(sequencer.append({ entries: [entry(3)] })).rejects.toMatchObject({ code: 'log_closing' });
    expect((await Promise.all(waiting)).flatMap((one) => one.indexes)).toEqual([0, 1, 2]);
    await closing;
    await close();
  });
});
