import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { portableHasher } from '../../src/core/merkle/hasher.ts';
import { formatAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { parseNote } from '../../src/core/note/signed-note.ts';
import { treeSize } from '../../src/core/units.ts';
import { readWitnessManifest, type WitnessDirectory } from '../../src/witness/witness-directory.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import type { CrashPoint } from '../crash/crash-points.ts';
import { type CompiledPrograms, compilePrograms } from '../crash/programs.ts';
import { GrowingLog, leafOf, testSigner } from '../support/growing-log.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { isRunning, type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { newWitness, readCosigned } from '../support/witness-desk.ts';

/* A witness as a process, which dies between storing and answering, again and again, while logs that fork ask it. */

const LOGS = 8;
const PAIRS_PER_LOG = 125;
/** A process dies within so many passes of its point. */
const LIFE_MAX = 200;
const POINTS: readonly CrashPoint[] = [
  ...(['before-commit', 'in-commit', 'after-commit', 'before-raise', 'in-raise', 'after-raise'] as const),
  ...(['before-sign', 'after-sign', 'before-answer'] as const),
];
const SEED = Date.now() % 2 ** 31;

let programs: CompiledPrograms;
beforeAll(async () => {
  programs = await compilePrograms();
});
afterAll(() => programs[Symbol.asyncDispose]());

/** Keeps a witness running: after each death another process, which will die elsewhere. */
class Kept {
  deaths = 0;
  readonly #dir: WitnessDirectory;
  readonly #random: SeededRandom;
  #current: Promise<ServerProcess>;
  constructor(dir: WitnessDirectory, random: SeededRandom) {
    this.#dir = dir;
    this.#random = random;
    this.#current = this.#start();
  }
  /** The address of the process that runs now, or of the next. */
  async url(): Promise<string> {
    return (await this.#current).url;
  }
  async #start(): Promise<ServerProcess> {
    const { dataPath, guardPath } = this.#dir;
    const at = `${this.#random.pick(POINTS)}:${this.#random.int(0, LIFE_MAX)}`;
    const args = [programs.pointWitness, '--data', dataPath, '--guard', guardPath, '--at', at];
    const started = await startServerProcess({ args });
    const ended = isRunning(started) ? started.ended : Promise.resolve(started);
    const next = ended.then((end) => {
      if (end.signal === 'SIGKILL') return this.#again();
      expect(end).toMatchObject({ code: 0 });
    });
    if (isRunning(started)) return started;
    await next;
    return this.#current;
  }
  #again(): void {
    this.deaths += 1;
    this.#current = this.#start();
  }
  async stop(): Promise<void> {
    const last = await this.#current;
    last.kill('SIGTERM');
    await last.ended;
  }
}

/** A cosignature that a client got. */
interface Got {
  readonly size: number;
  readonly root: string;
  readonly timeSec: number;
}

/** One log that forks at every step, and what became of it. */
class ForkingLog {
  readonly got: Got[] = [];
  log: GrowingLog;
  readonly #kept: Kept;
  readonly #vkey: string;
  constructor(log: GrowingLog, kept: Kept, vkey: string) {
    this.log = log;
    this.#kept = kept;
    this.#vkey = vkey;
  }

  /** Two histories of other lengths or of one, asked for at once. */
  async pair(histories: readonly [number, number], growths: readonly [number, number]): Promise<void> {
    const size = this.log.leaves.length;
    const futures = histories.map((history, i) => {
      const more = Array.from({ length: growths[i] as number }, (_, j) => leafOf(size + j, history));
      return new GrowingLog(this.log.signer, [...this.log.leaves, ...more]);
    });
    const outcomes = await Promise.all(futures.map((future) => this.#ask(size, future)));
    expect(outcomes.filter((status) => status === 200).length).toBeLessThan(2);
    if (outcomes.every((status) => status === 200 || status === 409)) {
      this.log = futures[outcomes.indexOf(200)] ?? this.log;
      expect(outcomes).toContain(200);
    } else await this.#learn(futures);
  }

  /** The status of the answer; 0 when there was none. */
  async #ask(from: number, future: GrowingLog): Promise<number> {
    const size = future.leaves.length;
    const note = await future.note(size);
    const body = formatAddCheckpoint({ oldSize: treeSize(from), proof: future.proof(from, size), note });
    const url = await this.#kept.url();
    try {
      const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
      const text = await answer.text();
      if (answer.status === 200)
        this.got.push(await readCosigned(`${parseNote(note).text}\n${text}`, this.#vkey));
      return answer.status;
    } catch {
      return 0; // TypeError of fetch: the process is gone
    }
  }

  /** After a death: which of them is in force. It is never smaller than before, and none but these. */
  async #learn(futures: readonly GrowingLog[]): Promise<void> {
    const { size, root } = await this.last();
    const candidates = [this.log, ...futures];
    const found = candidates.find(
      (one) => one.leaves.length === size && Buffer.from(one.root(size)).toString('base64') === root,
    );
    if (found === undefined) throw new Error(`${this.log.origin} is at ${size}, ${root}`);
    this.log = found;
  }

  /** What the witness shows now; asked again while it starts. */
  async last(): Promise<Got> {
    for (;;) {
      try {
        const answer = await fetch(`${await this.#kept.url()}/${originHash(this.log.origin)}/checkpoint`);
        // Every process before this one may have died before its first commit.
        if (answer.status === 404)
          return { size: 0, root: Buffer.from(portableHasher.emptyRoot).toString('base64'), timeSec: 0 };
        return await readCosigned(await answer.text(), this.#vkey);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
  }
}

test(
  `WITNESS-4 ${LOGS * PAIRS_PER_LOG} pairs at once and kills in between: seed ${SEED}`,
  { timeout: 240_000 },
  async () => {
    const random = new SeededRandom(SEED);
    const signers = Array.from({ length: LOGS }, (_, i) => testSigner(`log.example/${i}`, i + 1));
    const dir = await newWitness(signers.map(({ vkey }) => vkey));
    const { vkey } = await readWitnessManifest(dir);
    const kept = new Kept(dir, random);
    onTestFinished(() => kept.stop());
    const logs = signers.map((signer) => new ForkingLog(GrowingLog.of(signer, 0), kept, vkey));
    await Promise.all(
      logs.map(async (one) => {
        for (let i = 0; i < PAIRS_PER_LOG; i += 1)
          await one.pair([2 * i + 1, 2 * i + 2], [random.int(1, 4), random.int(1, 4)]);
      }),
    );
    for (const one of logs) {
      const last = await one.last();
      const byTime = one.got.toSorted((a, b) => a.size - b.size || a.timeSec - b.timeSec);
      for (const [i, { size, root, timeSec }] of byTime.entries()) {
        expect(root).toBe(Buffer.from(one.log.root(size)).toString('base64'));
        expect(timeSec).toBeGreaterThanOrEqual(byTime[i - 1]?.timeSec ?? 0);
        expect(size).toBeLessThanOrEqual(last.size);
      }
    }
    console.info(`${kept.deaths} kills, ${logs.reduce((sum, { got }) => sum + got.length, 0)} cosignatures`);
    expect(kept.deaths).toBeGreaterThan(0);
  },
);
