import { describe, expect, onTestFinished, test } from 'vitest';
import { parseCheckpoint } from '../../src/core/note/checkpoint.ts';
import { parseNote } from '../../src/core/note/signed-note.ts';
import { treeSize } from '../../src/core/units.ts';
import { witnessOnFiles } from '../../src/witness/open-witness.ts';
import { type TrustedRequest, WitnessedLog } from '../../src/witness/witnessed-log.ts';
import { GrowingLog, testSigner } from '../support/growing-log.ts';
import { HandClock, newWitness } from '../support/witness-desk.ts';

const log = GrowingLog.of(testSigner('log.example/main'), 20);

async function request(from: number, to: number): Promise<TrustedRequest> {
  const note = await log.note(to);
  const checkpoint = parseCheckpoint(parseNote(note).text);
  return { oldSize: treeSize(from), proof: log.proof(from, to), note, checkpoint };
}

/** Sleeps until it is told to stop. */
class StuckClock extends HandClock {
  readonly sleeping: Promise<void>;
  #asleep: () => void = () => undefined;
  constructor() {
    super();
    this.sleeping = new Promise((resolve) => {
      this.#asleep = resolve;
    });
  }
  override sleep(_: number, signal?: AbortSignal): Promise<void> {
    this.#asleep();
    return new Promise((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

async function opened(): Promise<{ witnessed: WitnessedLog; clock: StuckClock }> {
  const clock = new StuckClock();
  const deps = await witnessOnFiles({ dir: await newWitness([log.signer.vkey]), clock });
  onTestFinished(() => deps.store.close());
  const guard = await deps.takeGuard(log.origin);
  const onFork = (): Promise<void> => Promise.resolve();
  return {
    witnessed: await WitnessedLog.open(log.origin, { ...deps, guard, logRate: 0, onFork }, undefined),
    clock,
  };
}

describe('WITNESS-8 WITNESS-15 a log that is no longer followed, or a stop', () => {
  test('who comes behind it is refused and writes nothing', async () => {
    const { witnessed } = await opened();
    await witnessed.cosign(await request(0, 5));
    await witnessed.close();
    await expect(witnessed.cosign(await request(5, 9))).rejects.toMatchObject({ code: 'log_closing' });
    expect(witnessed.record?.size).toBe(5);
  });

  test('who waits for the clock is refused at once, and who waits for its turn', async () => {
    const { witnessed, clock } = await opened();
    await witnessed.cosign(await request(0, 5));
    clock.ms -= 5_000;
    const waiting = [witnessed.cosign(await request(5, 9)), witnessed.cosign(await request(5, 8))];
    const outcomes = Promise.allSettled(waiting);
    await clock.sleeping;
    await witnessed.close();
    const closing = { status: 'rejected', reason: { code: 'log_closing' } };
    expect(await outcomes).toMatchObject([closing, closing]);
  });
});
