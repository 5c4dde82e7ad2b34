import { cp, rm } from 'node:fs/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Guard } from '../../src/store/guard.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import type { WitnessDeps } from '../../src/witness/running-witness.ts';
import { witnessPaths } from '../../src/witness/witness-directory.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import {
  HandClock,
  newWitness,
  type RunningDesk,
  readCosigned,
  runWitness,
} from '../support/witness-desk.ts';

/* Bugs planted in a witness: each must show in what it signs when a log and a disk do their worst. */

const planted = vi.hoisted(() => ({ now: '' }));

vi.mock(import('../../src/witness/witness-record.ts'), async (original) => {
  const real = await original();
  const checkRecord: typeof real.checkRecord = (record, mark) => {
    if (planted.now === 'takes an empty database for a new log' && record === undefined) return;
    if (['does not ask the guard', 'forgets the time'].includes(planted.now)) return;
    real.checkRecord(record, mark);
  };
  const decodeRecord: typeof real.decodeRecord = (bytes) => {
    const record = real.decodeRecord(bytes);
    return planted.now === 'forgets the time' ? { ...record, timeSec: 1 } : record;
  };
  return { ...real, checkRecord, decodeRecord };
});
vi.mock(import('../../src/core/merkle/consistency.ts'), async (original) => {
  const real = await original();
  const verifyConsistency: typeof real.verifyConsistency = (...args) => {
    if (planted.now !== 'believes proofs') real.verifyConsistency(...args);
  };
  return { ...real, verifyConsistency };
});
afterEach(() => {
  planted.now = '';
});

function forgetful(guard: Guard): Guard {
  return { mark: guard.mark, raise: async () => 'raised', close: () => guard.close() };
}

function plantedDeps(deps: WitnessDeps): WitnessDeps {
  const isKept = !['keeps all in memory', 'raises no guard'].includes(planted.now);
  const { store } = deps;
  const amnesiac = new Proxy(store, {
    get: (target, name) => {
      if (name === 'commit') return async () => 'committed';
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    ...deps,
    store: planted.now === 'keeps all in memory' ? amnesiac : store,
    takeGuard: async (origin) => {
      const guard = await deps.takeGuard(origin);
      return isKept ? guard : forgetful(guard);
    },
  };
}

const log = GrowingLog.of(testSigner('log.example/main'), 40);
const forked = GrowingLog.of(log.signer, 40, { from: 3 });

/** A log that forks and a disk that goes back against one witness; gives back every cosigned checkpoint. */
async function attack(): Promise<{ size: number; root: string; timeSec: number }[]> {
  const dir = await newWitness([log.signer.vkey]);
  const { db } = witnessPaths(dir);
  const clock = new HandClock();
  const seen: string[] = [];
  let at: RunningDesk = await runWitness(dir, { clock, planted: plantedDeps });
  const restarted = async (change: () => Promise<void>): Promise<void> => {
    await at.close();
    await change();
    at = await runWitness(dir, { clock, planted: plantedDeps });
  };
  const ask = async (who: GrowingLog, from: number, to: number): Promise<void> => {
    await at.post(await who.request(from, to));
    const last = await at.last(log.origin);
    if (last.status === 200) seen.push(last.text);
  };
  const { vkey } = at.witness;
  await ask(log, 0, 8);
  await ask(forked, 0, 8);
  await ask(forked, 8, 9);
  await restarted(() => cp(db, `${db}.old`, { recursive: true }));
  await ask(forked, 0, 8);
  await ask(log, 8, 13);
  await restarted(async () => {
    clock.ms -= 3_600_000;
  });
  await ask(log, 13, 14);
  clock.ms += 3_600_000;
  await restarted(async () => {
    await rm(db, { recursive: true });
    await cp(`${db}.old`, db, { recursive: true });
  });
  await ask(forked, 8, 13);
  await restarted(async () => {
    await rm(db, { recursive: true });
    await (await LevelStore.create(db)).close();
  });
  await ask(forked, 0, 8);
  return Promise.all(seen.map((note) => readCosigned(note, vkey)));
}

/** What two cosignatures of one witness must never be. */
function violations(seen: Awaited<ReturnType<typeof attack>>): string[] {
  return seen.flatMap((a) =>
    seen.flatMap((b) => {
      if (a.size === b.size && a.root !== b.root) return ['two roots'];
      const isForked = a.root === Buffer.from(forked.root(a.size)).toString('base64') && a.size > 3;
      if (isForked && b.size > 3 && b.root === Buffer.from(log.root(b.size)).toString('base64'))
        return ['two histories'];
      return a.size < b.size && a.timeSec > b.timeSec ? ['time goes back'] : [];
    }),
  );
}

describe('WITNESS-3 to WITNESS-6 by planted bugs', () => {
  test('without one, nothing is wrong with what is signed', async () => {
    const seen = await attack();
    expect(violations(seen)).toEqual([]);
    expect(new Set(seen.map(({ size }) => size))).toEqual(new Set([8, 13]));
  });

  test.each([
    'takes an empty database for a new log',
    'does not ask the guard',
    'raises no guard',
    'keeps all in memory',
    'believes proofs',
    'forgets the time',
  ])('a witness that %s is found', async (bug) => {
    planted.now = bug;
    expect(violations(await attack())).not.toEqual([]);
  });
});
