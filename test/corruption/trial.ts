import { fsckDirectory } from '../../src/cli/fsck-directory.ts';
import { equalBytes } from '../../src/core/bytes.ts';
import { TlogError } from '../../src/core/error.ts';
import { appendLeaves, emptyFrontier, frontierRoot } from '../../src/core/merkle/frontier.ts';
import { createNoteVerifier } from '../../src/core/note/verifier.ts';
import { parseReceipt, verifyReceipt } from '../../src/core/proof/receipt.ts';
import { ed25519Verify } from '../../src/runtime/ed25519.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { checkDataDirectory, type DataDirectory } from '../../src/sequencer/data-directory.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { answersOf, appOf, directoryIn, post, type Reference, SWEEP_CLOCK } from './reference.ts';

/** What a damaged copy did. */
export interface Trial {
  /** Why the start was refused; absent when it was not. */
  readonly refusal?: string;
  /** What `stele fsck` would say; absent when it found nothing. */
  readonly fsck?: string;
  /** Answers of 200 that are not those of the reference. */
  readonly wrong: readonly string[];
  /** Answers that are no longer 200. */
  readonly failed: number;
  /** Heads that were signed and do not fit the entries. */
  readonly badHeads: readonly string[];
  /** Retries that were appended again. */
  readonly repeated: number;
  /** Errors that are no TlogError: bugs. */
  readonly bugs: readonly string[];
}

const NEW_ENTRIES = 4;
const RETRIES = 3;

/** Checks, starts, reads and extends a damaged copy in a folder; `onFsck` gets what the check said, null: nothing. */
export async function tryCopy(
  folder: string,
  reference: Reference,
  onFsck: (fsck: string | null) => void,
): Promise<Trial> {
  const dir = directoryIn(folder);
  const bugs: string[] = [];
  const fsck = await fsckOf(dir).catch((error: unknown) => described(error, bugs));
  onFsck(fsck ?? null);
  const trial = {
    ...(fsck === undefined ? {} : { fsck }),
    wrong: [],
    failed: 0,
    badHeads: [],
    repeated: 0,
    bugs,
  };
  try {
    await checkDataDirectory(dir);
    const log = await openLog({ dir, clock: SWEEP_CLOCK }, 'main');
    try {
      return { ...trial, ...(await useOf(appOf(log), reference)) };
    } finally {
      await log.close().catch((error: unknown) => described(error, bugs));
    }
  } catch (error) {
    return { ...trial, refusal: described(error, bugs) };
  }
}

function described(error: unknown, bugs: string[]): string {
  if (error instanceof TlogError) return `${error.code}: ${error.message}`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  bugs.push(text);
  return text;
}

/** What `stele fsck` says on a data directory. */
async function fsckOf(dir: DataDirectory): Promise<string | undefined> {
  await checkDataDirectory(dir);
  const { difference } = await fsckDirectory(dir, 'main');
  return difference && `${difference.part} ${difference.index}: ${difference.message}`;
}

type App = ReturnType<typeof appOf>;

async function useOf(
  app: App,
  reference: Reference,
): Promise<Pick<Trial, 'wrong' | 'failed' | 'badHeads' | 'repeated'>> {
  const answers = await answersOf(app, [...reference.answers.keys()]);
  const different = [...answers].filter(([path, answer]) => answer !== reference.answers.get(path));
  const wrong = different.filter(([, answer]) => answer.length !== 3).map(([path]) => path);
  const retried = await retries(app, reference);
  const { badHeads, refused } = await extend(app, reference, retried.again);
  const failed = different.length - wrong.length + retried.refused + refused;
  return { wrong: [...wrong, ...retried.wrong], failed, badHeads, repeated: retried.again.length };
}

/** Sends what was acked before once more: an old index, a refusal, or an entry that is there twice. */
async function retries(app: App, { entries, keyed }: Reference) {
  const outcome = { refused: 0, wrong: [] as string[], again: [] as Buffer[] };
  const keys = [...keyed].filter((_, i) => i % Math.ceil(keyed.size / RETRIES) === 0);
  for (const [key, index] of keys) {
    const entry = entries[index] ?? Buffer.alloc(0);
    const response = await post(app, entry, key);
    const answer = (await response.json()) as { index?: number };
    if (response.status === 201) outcome.again.push(entry);
    else if (response.status !== 200) outcome.refused += 1;
    else if (answer.index !== index) outcome.wrong.push(`retry of ${key}: index ${answer.index}`);
  }
  return outcome;
}

/** Appends, and compares each signed head with the root of the entries that it must cover. */
async function extend(app: App, reference: Reference, again: readonly Buffer[]) {
  const { origin, vkey } = reference.manifest;
  const logVerifiers = [createNoteVerifier(vkey, ed25519Verify)];
  const hashes = [...reference.entries, ...again].map((entry) => nodeHasher.leafHash(entry));
  let frontier = appendLeaves(nodeHasher, emptyFrontier, hashes);
  const badHeads: string[] = [];
  let refused = 0;
  for (let i = 0; i < NEW_ENTRIES; i += 1) {
    const entry = Buffer.from(`after the damage ${i}`);
    const response = await post(app, entry);
    if (response.status !== 201) {
      refused += 1;
      continue;
    }
    frontier = appendLeaves(nodeHasher, frontier, [nodeHasher.leafHash(entry)]);
    const receipt = parseReceipt(await response.json());
    const { size, rootHash } = await verifyReceipt(nodeHasher, receipt, { origin, logVerifiers, entry });
    if (size !== frontier.size || !equalBytes(rootHash, frontierRoot(nodeHasher, frontier)))
      badHeads.push(`size ${size}, and ${frontier.size} entries`);
  }
  return { badHeads, refused };
}
