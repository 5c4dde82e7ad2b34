import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { verifyCheckpoint } from '../core/note/checkpoint.ts';
import type { Policy, WitnessTime } from '../core/note/policy.ts';
import { verifyCheckpointWithPolicy } from '../core/note/policy-checkpoint.ts';
import { createNoteVerifier } from '../core/note/verifier.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import type { Log, Publisher, SignedHead } from '../sequencer/log.ts';
import { damagedFile, type PublishedFile, type PublishedNotes } from './published-file.ts';
import { rootAt } from './root-at.ts';

/** A head that satisfies the policy. */
export interface WitnessedHead extends SignedHead {
  readonly cosigned: readonly WitnessTime[];
  /** The latest POSIX second at which the quorum vouched for it. */
  readonly freshnessSec: number;
}

interface Heads {
  readonly published: SignedHead;
  readonly witnessed: WitnessedHead | undefined;
}

/** What the heads of a log are kept with. */
export interface PublishedHeadsDeps {
  readonly log: Pick<Log, 'origin' | 'vkeys' | 'head' | 'proveConsistency'>;
  readonly policy: Policy;
  readonly file: PublishedFile;
}

/** The published head and the newest witnessed one: each only grows and is durable before it is given out. */
export class PublishedHeads implements Publisher {
  readonly #deps: PublishedHeadsDeps;
  /** Owned by #grow. */
  #heads: Heads;
  #turn: Promise<void> = Promise.resolve();

  private constructor(deps: PublishedHeadsDeps, heads: Heads) {
    this.#deps = deps;
    this.#heads = heads;
  }

  /**
   * The heads as they were kept; where none were, the log head is published, as it was without a policy.
   * @throws TlogError data_damaged
   */
  static async open(deps: PublishedHeadsDeps): Promise<PublishedHeads> {
    const kept = await deps.file.read();
    if (kept !== undefined) return new PublishedHeads(deps, await readKept(deps, kept));
    const { head } = deps.log;
    await deps.file.write({ published: head.note });
    return new PublishedHeads(deps, { published: head, witnessed: undefined });
  }

  get publishedHead(): SignedHead {
    return this.#heads.published;
  }

  get witnessedHead(): WitnessedHead | undefined {
    return this.#heads.witnessed;
  }

  /** A cosigned note becomes the witnessed head, and the published one, unless larger ones are. @throws as verifyCheckpointWithPolicy */
  async take(note: string): Promise<void> {
    const head = await witnessedHead(this.#deps, note);
    return this.#grow(({ published, witnessed }) => ({
      published: head.size < published.size ? published : head,
      witnessed: witnessed !== undefined && head.size < witnessed.size ? witnessed : head,
    }));
  }

  /** Publishes a head that nobody has cosigned. */
  publishUnwitnessed(head: SignedHead): Promise<void> {
    return this.#grow((heads) => (head.size <= heads.published.size ? heads : { ...heads, published: head }));
  }

  /** One write at a time; what it came to is seen only once it is durable. */
  #grow(change: (heads: Heads) => Heads): Promise<void> {
    const turn = this.#turn.then(async () => {
      const next = change(this.#heads);
      const { published, witnessed } = next;
      if (published === this.#heads.published && witnessed === this.#heads.witnessed) return;
      await this.#deps.file.write({ published: published.note, witnessed: witnessed?.note });
      this.#heads = next;
    });
    this.#turn = turn.catch(() => undefined); // whoever called gets the error; the next one starts all the same
    return turn;
  }
}

/** The published head of a log that was served with a policy; undefined of others. @throws TlogError data_damaged */
export async function keptPublishedHead(
  file: PublishedFile,
  log: PublishedHeadsDeps['log'],
): Promise<SignedHead | undefined> {
  const notes = await file.read();
  return notes && ofThisLog(log, notes.published);
}

async function readKept(deps: PublishedHeadsDeps, notes: PublishedNotes): Promise<Heads> {
  const published = await ofThisLog(deps.log, notes.published);
  if (notes.witnessed === undefined) return { published, witnessed: undefined };
  await ofThisLog(deps.log, notes.witnessed);
  const witnessed = await witnessedHead(deps, notes.witnessed).catch((error: unknown) => {
    // The policy was another one then.
    if (error instanceof TlogError && error.code === 'policy_not_met') return undefined;
    throw damagedFile('the witnessed head that was kept', 'has a cosignature that does not hold', error);
  });
  return { published, witnessed };
}

/** A head that this log's key has signed, of the tree that it has. */
async function ofThisLog(log: PublishedHeadsDeps['log'], note: string): Promise<SignedHead> {
  const what = 'the published head that was kept';
  const logVerifiers = log.vkeys.map((vkey) => createNoteVerifier(vkey, ed25519Verify));
  const { size, rootHash } = await verifyCheckpoint(note, { origin: log.origin, logVerifiers }).catch(
    (cause: unknown) => {
      throw damagedFile(what, 'is not one that the log has signed', cause);
    },
  );
  if (size > log.head.size) throw damagedFile(what, `has size ${size}, the log ${log.head.size}`);
  if (equalBytes(await rootAt(log, size), rootHash)) return { size, rootHash, note };
  throw damagedFile(what, `has another root at size ${size} than the log`);
}

async function witnessedHead({ policy }: PublishedHeadsDeps, note: string): Promise<WitnessedHead> {
  const {
    checkpoint,
    cosigned,
    freshnessSec = 0,
  } = await verifyCheckpointWithPolicy(note, policy, ed25519Verify);
  const { size, rootHash } = checkpoint;
  return { size, rootHash, note, cosigned, freshnessSec };
}
