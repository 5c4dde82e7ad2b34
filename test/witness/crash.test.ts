import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
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
const LIFE_MAX = 120;
const BEFORE_STORE = ['before-commit', 'in-commit'] as const;
const BEFORE_ANSWER = [
  ...(['after-commit', 'before-raise', 'in-raise', 'after-raise'] as const),
  ...(['before-sign', 'after-sign', 'before-answer'] as const),
];
const SEED = Date.now() % 2 ** 31;

let programs: CompiledPrograms;
beforeAll(async () => {
  programs = await compilePrograms();
});
afterAll(() => programs[Symbol.asyncDispose]());

/** Keeps a witness running: after each death another process, which dies at the next of the points. */
class Kept {
  /** Where each process died. */
  readonly deaths: CrashPoint[] = [];
  readonly #dir: WitnessDirectory;
  readonly #random: SeededRandom;
  readonly #points: readonly CrashPoint[] = [...BEFORE_ANSWER, ...BEFORE_STORE];
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
    const point = this.#points[this.deaths.length % this.#points.length] as CrashPoint;
    const at = `${point}:${this.#random.int(0, LIFE_MAX)}`;
    const args = [programs.pointWitness, '--data', dataPath, '--guard', guardPath, '--at', at];
    const started = await startServerProcess({ args });
    const ended = isRunning(started) ? started.ended : Promise.resolve(started);
    const next = ended.then((end) => {
      if (end.signal === 'SIGKILL') return this.#again(point);
      expect(end).toMatchObject({ code: 0 });
    });
    if (isRunning(started)) return started;
    await next;
    return this.#current;
  }
  #again(point: CrashPoint): void {
    this.deaths.push(point);
    this.#current = this.#start();
  }
  async stop(): Promise<void> {
    const last = await this.#current;
    last.kill('SIGTERM');
    await last.ended;
  }
}

/** What a witness said of a log: where it stands, and when it was asked and had answered, counted over all of them. */
interface Said {
  readonly size: number;
  /** Absent from a bare size. */
  readonly root?: string;
  readonly timeSec?: number;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** Keeps all that was ever said of one log. */
class Judge {
  readonly said: Said[] = [];
  #now = 0;

  /** Keeps what an answer says, if it says anything. */
  async keep<T extends Partial<Said>>(ask: () => Promise<T>): Promise<T> {
    this.#now += 1;
    const askedAt = this.#now;
    const answer = await ask();
    this.#now += 1;
    const { size } = answer;
    if (size !== undefined) this.said.push({ ...answer, size, askedAt, answeredAt: this.#now });
    return answer;
  }

  /** What is wrong: two roots of one size, or a size or time below one of an answer that was there before it was asked. */
  wrong(): string[] {
    const { said } = this;
    const roots = new Map<number, string>();
    return said.flatMap((one) => {
      const before = said.filter(({ answeredAt }) => answeredAt < one.askedAt);
      const known = roots.get(one.size) ?? one.root;
      if (known !== undefined) roots.set(one.size, known);
      return [
        ...(one.root === undefined || one.root === known ? [] : [`two roots of size ${one.size}`]),
        ...before.filter(({ size }) => size > one.size).map(({ size }) => `${size}, then ${one.size}`),
        ...before
          .filter(({ timeSec = 0 }) => timeSec > (one.timeSec ?? timeSec))
          .map(({ timeSec }) => `second ${timeSec}, then ${one.timeSec}`),
      ];
    });
  }
}

/** One log that forks at every step, and what became of it. */
class ForkingLog {
  readonly judge = new Judge();
  /** Heads that a process had stored when it died, and that nobody had been told of. */
  untold = 0;
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
    } else await this.#learn(futures, outcomes.includes(200));
  }

  /** The status of the answer; 0 when there was none. */
  async #ask(from: number, future: GrowingLog): Promise<number> {
    const size = future.leaves.length;
    const note = await future.note(size);
    const body = formatAddCheckpoint({ oldSize: treeSize(from), proof: future.proof(from, size), note });
    const url = await this.#kept.url();
    const answer = await this.judge.keep(async () => {
      try {
        const got = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
        const { status } = got;
        const text = await got.text();
        if (status === 409) return { status, size: Number(text) };
        if (status !== 200) return { status };
        return { status, ...(await readCosigned(`${parseNote(note).text}\n${text}`, this.#vkey)) };
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        return { status: 0 }; // of fetch: the process is gone
      }
    });
    return answer.status;
  }

  /** After a death: which of them is in force. It is never smaller than before, and none but these. */
  async #learn(futures: readonly GrowingLog[], isTold: boolean): Promise<void> {
    const { size, root } = await this.last();
    const candidates = [this.log, ...futures];
    const found = candidates.find((one) => one.leaves.length === size && rootOf(one, size) === root);
    if (found === undefined) throw new Error(`${this.log.origin} is at ${size}, ${root}`);
    if (found !== this.log && !isTold) this.untold += 1;
    this.log = found;
  }

  /** What the witness shows now; asked again while it starts. */
  async last(): Promise<Pick<Said, 'size' | 'root'>> {
    for (;;) {
      try {
        return await this.judge.keep(async () => this.#shown());
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
  }

  async #shown(): Promise<Pick<Said, 'size' | 'root' | 'timeSec'>> {
    const answer = await fetch(`${await this.#kept.url()}/${originHash(this.log.origin)}/checkpoint`);
    // Every process before this one may have died before its first commit.
    if (answer.status === 404) return { size: 0, root: rootOf(this.log, 0) };
    return readCosigned(await answer.text(), this.#vkey);
  }
}

function rootOf(log: GrowingLog, size: number): string {
  return Buffer.from(log.root(size)).toString('base64');
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
      await one.last();
      expect(one.judge.wrong()).toEqual([]);
      const { said } = one.judge;
      expect(said.filter(({ size, root }) => root !== undefined && root !== rootOf(one.log, size))).toEqual(
        [],
      );
    }
    const sum = (count: (one: ForkingLog) => number): number =>
      logs.reduce((all, one) => all + count(one), 0);
    const untold = sum((one) => one.untold);
    console.info(
      `${kept.deaths.length} kills, ${sum(({ judge }) => judge.said.length)} answers, ${untold} untold`,
    );
    expect(
      kept.deaths.filter((point) => BEFORE_ANSWER.some((each) => each === point)).length,
    ).toBeGreaterThan(0);
    expect(untold).toBeGreaterThan(0);
  },
);
