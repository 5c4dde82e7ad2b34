import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
   * a start check has passed. Rejects with what the filesystem says.
   */
  static async keep(db: string): Promise<KeptFiles> {
    await finishPutBack(db);
    const fresh = `${db}.kept.new`;
    for (const left of [fresh, `${db}.kept.old`]) await rm(left, { recursive: true, force: true });
    const names = (await readdir(db)).filter((name) => DATA_FILE.test(name));
    if (await isThere(`${db}.kept`)) return new KeptFiles(db, false);
    await mkdir(fresh, { mode: 0o700 });
    for (const name of names) await link(join(db, name), join(fresh, name));
    await syncFolder(fresh);
    await rename(fresh, `${db}.kept`);
    await syncFolder(dirname(db));
    return new KeptFiles(db, true);
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
    await rename(`${this.#db}.kept`, this.#db);
    await syncFolder(dirname(this.#db));
    // Older files than those of the last start are put back: then what they replace is kept as well.
    if (this.#isOurs) await rm(refused, { recursive: true, force: true });
  }
}

/** A process that died between the two renames left no database under its name. */
async function finishPutBack(db: string): Promise<void> {
  if ((await isThere(db)) || !(await isThere(`${db}.kept`))) return;
  await rename(`${db}.kept`, db);
  await syncFolder(dirname(db));
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
