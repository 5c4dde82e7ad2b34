import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { syncFolder } from './guard-files.ts';

/** Files that hold data. LevelDB never writes into one of an earlier process: it makes new ones and deletes these. */
const DATA_FILE = /^(?:CURRENT|MANIFEST-[0-9]+|[0-9]+\.(?:ldb|sst|log))$/;

/**
 * Hard links to a database's files as they were before LevelDB opened it, in `<db>.kept` (spec STORE-7). They cost
 * no space until LevelDB deletes what it takes for obsolete: all tables, when the end of its MANIFEST is missing.
 */
export class KeptFiles {
  readonly #db: string;
  /** False when an earlier process left them: it died before its start check had passed. */
  readonly #isOurs: boolean;

  private constructor(db: string, isOurs: boolean) {
    this.#db = db;
    this.#isOurs = isOurs;
  }

  /**
   * Keeps the files of a database, or finds those that a start without a verdict has kept: the older ones stay until
   * a start check has passed. Rejects with what the filesystem says. @throws TlogError data_locked while another process does the same
   */
  static async keep(db: string): Promise<KeptFiles> {
    await finishPutBack(db);
    const fresh = `${db}.kept.new`;
    for (const left of [fresh, `${db}.kept.old`]) await rm(left, { recursive: true, force: true });
    const names = (await namesIn(db)).filter((name) => DATA_FILE.test(name));
    if (await isThere(`${db}.kept`)) return new KeptFiles(db, false);
    await KeptFiles.#link(db, names).catch((cause: unknown) => {
      throw isRival(cause) ? openedByOther(db, cause) : cause;
    });
    return new KeptFiles(db, true);
  }

  static async #link(db: string, names: readonly string[]): Promise<void> {
    const fresh = `${db}.kept.new`;
    await mkdir(fresh, { mode: 0o700 });
    for (const name of names) await link(join(db, name), join(fresh, name));
    await syncFolder(fresh);
    await rename(fresh, `${db}.kept`);
    await syncFolder(dirname(db));
  }

  /** Lets go of them. They are out of the way for ever before anything that they lack can be written. */
  async drop(): Promise<void> {
    await rename(`${this.#db}.kept`, `${this.#db}.kept.old`);
    await syncFolder(dirname(this.#db));
    // Links that could not be removed cost some space until the next start removes them.
    await rm(`${this.#db}.kept.old`, { recursive: true, force: true }).catch(() => undefined);
  }

  /** Lets go of those that this process has made; those of another one stay. */
  async forget(): Promise<void> {
    if (this.#isOurs) await this.drop();
  }

  /** Puts them back in place of what LevelDB, closed by now, has made of them; none are left when letting go failed halfway. */
  async putBack(): Promise<void> {
    if (!(await isThere(`${this.#db}.kept`))) return;
    const refused = `${this.#db}.refused`;
    await rm(refused, { recursive: true, force: true });
    await rename(this.#db, refused).catch(ignoreMissing);
    await nameKept(this.#db);
    // Older files than those of the last start are put back: then what they replace is kept as well.
    if (this.#isOurs) await rm(refused, { recursive: true, force: true });
  }
}

/** Nobody else makes or removes what is linked, but who opens the database in the same moment. */
function isRival(error: unknown): boolean {
  return ['EEXIST', 'ENOENT', 'ENOTEMPTY'].includes(String((error as NodeJS.ErrnoException).code));
}

function openedByOther(db: string, cause: unknown): TlogError {
  return new TlogError('data_locked', `${db} is being opened by another process; try again`, { cause });
}

/** Whether there is a database, once what a process that died had begun to put back is in its place. */
export async function isFolderAfterPutBack(db: string): Promise<boolean> {
  await finishPutBack(db);
  return isThere(db);
}

/** A process that died between the two renames left no database under its name. */
async function finishPutBack(db: string): Promise<void> {
  if ((await isThere(db)) || !(await isThere(`${db}.kept`))) return;
  await nameKept(db);
}

/** Another process that opens the database in the same moment may have done so. */
async function nameKept(db: string): Promise<void> {
  await rename(`${db}.kept`, db).catch(async (error: unknown) => {
    if (!isRival(error) || !(await isThere(db))) throw error;
  });
  await syncFolder(dirname(db));
}

async function namesIn(db: string): Promise<string[]> {
  try {
    return await readdir(db);
  } catch (error) {
    // Between two renames of the process that looked at it.
    if (isRival(error) && (await isThere(`${db}.refused`))) throw openedByOther(db, error);
    throw error;
  }
}

/** Somebody has taken the database away: what was kept takes its place. */
function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await readdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
