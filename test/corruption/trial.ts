import { fsckDirectory } from '../../src/cli/fsck-directory.ts';
import { TlogError } from '../../src/core/error.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { LogPass } from '../../src/scrub/pass.ts';
import { progressFile } from '../../src/scrub/progress-file.ts';
import { type DataDirectory, logPaths } from '../../src/sequencer/data-directory.ts';
import type { OpenLog } from '../../src/sequencer/open-log.ts';
import { appOf, directoryIn, readSettings, serveTarget, type Target } from './target.ts';
import { Use } from './use.ts';

/** The first thing that `stele fsck` names; `part` is `refused` where it gives up with an error. */
export interface FsckFound {
  readonly part: string;
  readonly index: number;
  readonly level?: number;
  readonly message: string;
}

/** What a damaged copy did. */
export interface Trial {
  /** Why the start was refused; absent when it was not. */
  readonly refusal?: string;
  /** What `stele fsck` would say; absent when it found nothing. */
  readonly fsck?: FsckFound;
  /** Answers of 200 that are not those of the reference. */
  readonly wrong: readonly string[];
  /** Answers of 200 that are not those of the reference, about an older head that the log has signed. */
  readonly older: readonly string[];
  /** Answers that are no longer 200. */
  readonly failed: number;
  /** Heads that were signed and do not fit the entries. */
  readonly badHeads: readonly string[];
  /** Retries that were appended again. */
  readonly repeated: number;
  /** What a scrubber that goes on where its file says calls damaged. */
  readonly scrubbed: readonly string[];
  /** Errors that are no TlogError: bugs. */
  readonly bugs: readonly string[];
}

/** A trial of which nothing is known yet. */
export const NO_TRIAL: Omit<Trial, 'fsck' | 'refusal'> = {
  ...{ wrong: [], older: [], failed: 0, badHeads: [], repeated: 0, scrubbed: [], bugs: [] },
};

/** More than a pass over such a log has. */
const SCRUB_STEPS_MAX = 1_000;

/**
 * Checks, starts, reads and extends a damaged copy in a folder. `onFsck` gets what the check said, null: nothing; `scrubs` goes on
 * with scrubbing.
 */
export async function tryCopy(
  folder: string,
  target: Target,
  options: { readonly scrubs: boolean; onFsck(fsck: FsckFound | null): void },
): Promise<Trial> {
  const dir = directoryIn(folder);
  const bugs: string[] = [];
  const fsck = await fsckOf(dir, target).catch((error: unknown) => ({
    ...{ part: 'refused', index: 0, message: described(error, bugs) },
  }));
  options.onFsck(fsck ?? null);
  const trial = { ...NO_TRIAL, ...(fsck === undefined ? {} : { fsck }), bugs };
  try {
    const log = await serveTarget(dir, target);
    try {
      const used = await new Use(appOf(dir, log), target).all();
      return { ...trial, ...used, scrubbed: options.scrubs ? await scrubbed(dir, log) : [] };
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
async function fsckOf(dir: DataDirectory, { manifest: { name } }: Target): Promise<FsckFound | undefined> {
  await readSettings(dir);
  return (await fsckDirectory(dir, name)).difference;
}

/** The rest of the pass that the progress file speaks of. Beyond it, all that an open log has is judged by its answers. */
async function scrubbed(dir: DataDirectory, log: OpenLog): Promise<string[]> {
  const { pass } = await progressFile(logPaths(dir, log.name).root).read();
  if (pass === undefined) return [];
  const scrubber = new LogPass(log.stored(), nodeHasher);
  const messages: string[] = [];
  let at = pass;
  for (let steps = 0; steps < SCRUB_STEPS_MAX; steps += 1) {
    const { damages, next, isLast } = await scrubber.step(at);
    messages.push(...damages.map(({ message }) => message));
    if (isLast) return messages;
    at = next;
  }
  return [...messages, 'the pass has no end'];
}
