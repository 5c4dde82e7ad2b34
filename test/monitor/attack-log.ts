import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { TlogError } from '../../src/core/error.ts';
import { formatAddCheckpoint } from '../../src/core/note/add-checkpoint.ts';
import { COSIGNATURE_V1, type VerifierKey } from '../../src/core/note/key.ts';
import { type Policy, parsePolicy } from '../../src/core/note/policy.ts';
import type { NoteSigner } from '../../src/core/note/verifier.ts';
import { treeSize } from '../../src/core/units.ts';
import { createCosigner } from '../../src/keys/cosigner.ts';
import { generateSigningKey } from '../../src/keys/generate.ts';
import { Witness } from '../../src/witness/running-witness.ts';
import { originHash } from '../../src/witness/witness-record.ts';
import { testSigner } from '../support/growing-log.ts';
import { MemoryGuard, MemoryStore } from '../support/monitor-desk.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { History, TileLog, type View } from '../support/tile-log.ts';
import { HandClock } from '../support/witness-desk.ts';

export const ORIGIN = 'log.example/main';
const SIZE = 600;
export const signer: NoteSigner = testSigner(ORIGIN);

/** The history that is the honest one, and others that leave it at some entry. */
export const main: History = new History(SIZE);
const FORKS: readonly (readonly [number, History])[] = [1, 7, 64, 100, 255, 256, 257, 300, 400].map(
  (from) => [from, new History(SIZE, { from, name: `fork at ${from}` })],
);

/** Another history that has left the honest one below a size: two heads from there on contradict each other. */
export function pickFork(random: SeededRandom, size: number): History {
  return random.pick(FORKS.filter(([from]) => from < size))[1];
}

/** Whether a head is one of the honest history. */
export function isOnMain({
  size,
  rootHash,
}: {
  readonly size: number;
  readonly rootHash: Uint8Array;
}): boolean {
  return Buffer.compare(rootHash, main.root(size)) === 0;
}

const keyOfWitness = generateSigningKey(
  (length) => new Uint8Array(length).fill(7),
  'w.example',
  COSIGNATURE_V1,
);

/** The log alone. Keys are read once: a key object costs more than a verification. */
export const plainPolicy: Policy = parsePolicy(`log ${signer.vkey}\nquorum none\n`);
export const logKeys: readonly VerifierKey[] = plainPolicy.logs.map(({ key }) => key);

/** Asks for the cosignature of the one witness there is. */
export const policy: Policy = parsePolicy(`log ${signer.vkey}\nwitness w ${keyOfWitness.vkey}\nquorum w\n`);

/** A log without a witness. */
export const plainLog: TileLog = new TileLog(signer);

/** A log whose witness cosigns whatever it is shown. */
export const coveredLog: TileLog = new TileLog(
  signer,
  [createCosigner(keyOfWitness.skey)],
  new HandClock().ms / 1_000,
);

/** What every witness here follows. */
const folder = mkdtempSync(join(tmpdir(), 'stele-attack-'));
const logList = join(folder, 'logs.txt');
writeFileSync(logList, `${signer.vkey}\n`);
afterAll(() => rmSync(folder, { recursive: true }));

/** The real witness, in memory, with a clock of its own. */
function openWitness(clock: HandClock): Promise<Witness> {
  return Witness.start({
    ...{ clock, logList, logRate: 0, store: new MemoryStore(), cosigner: createCosigner(keyOfWitness.skey) },
    takeGuard: async () => new MemoryGuard(),
    alert: async () => undefined,
    onBadList: (error) => {
      throw error;
    },
  });
}

/** A log that asks an honest witness about each head that it shows; what is refused is shown without a cosignature. */
export class WitnessedTileLog extends TileLog {
  readonly clock: HandClock;
  readonly #witness: Witness;
  readonly #lines = new Map<string, string>();

  private constructor(witness: Witness, clock: HandClock) {
    super(signer);
    this.#witness = witness;
    this.clock = clock;
  }

  static async open(): Promise<WitnessedTileLog> {
    const clock = new HandClock();
    return new WitnessedTileLog(await openWitness(clock), clock);
  }

  override async note(view: View): Promise<string> {
    const note = await super.note(view);
    const lines = this.#lines.get(note) ?? (await this.#ask(view, note));
    if (lines !== '') this.#lines.set(note, lines);
    return `${note}${lines}`;
  }

  /** The head that the witness has cosigned last. */
  async witnessed(): Promise<string | undefined> {
    return this.#witness.checkpoint(originHash(ORIGIN));
  }

  async #ask({ history, size }: View, note: string): Promise<string> {
    const [{ size: oldSize = 0 } = {}] = this.#witness.logs();
    if (size < oldSize) return '';
    const proof = oldSize === 0 ? [] : history.consistency(oldSize, size);
    const body = formatAddCheckpoint({ oldSize: treeSize(oldSize), proof, note });
    try {
      const outcome = await this.#witness.addCheckpoint(new TextEncoder().encode(body));
      return outcome.kind === 'cosigned' ? outcome.lines : '';
    } catch (error) {
      if (error instanceof TlogError && error.kind !== 'fatal') return '';
      throw error;
    }
  }
}
