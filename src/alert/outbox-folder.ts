import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { syncFolder } from '../store/guard-files.ts';
import { ALERT_KINDS, type RaisedAlert } from './alert.ts';

const FILE = /^([0-9]{16})\.json$/;
/** Alerts given up that are kept; of those beyond there is a log line. */
export const GIVEN_UP_MAX = 1_000;

/** An alert in its place in the queue. */
export interface StoredAlert {
  readonly number: number;
  readonly alert: RaisedAlert;
}

/** The alerts that a sink has not taken yet, a file each, named by their number. */
export class OutboxFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What waits, in order. A file that is no alert is set aside and told; the others stay. */
  async read(onBad: (error: TlogError) => void): Promise<StoredAlert[]> {
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    const names = (await readdir(this.#path)).filter((name) => FILE.test(name)).sort();
    const found: StoredAlert[] = [];
    for (const name of names) {
      const path = join(this.#path, name);
      const alert = alertIn(await readFile(path, 'utf8'));
      if (alert !== undefined) found.push({ number: Number(FILE.exec(name)?.[1]), alert });
      else await this.#setAside(path, onBad);
    }
    return found;
  }

  /** Durable on return. */
  write({ number, alert }: StoredAlert): Promise<void> {
    return writeFileDurably(this.#fileOf(number), `${JSON.stringify(alert)}\n`);
  }

  /** Not synced: an alert that comes back after a power cut is sent again, and that is allowed. */
  remove(number: number): Promise<void> {
    return rm(this.#fileOf(number), { force: true });
  }

  /**
   * Keeps an alert that is not sent any more in `given-up/`, as a record; gives back its path. Undefined when as many are kept already as may
   * be. Durable on return.
   */
  async keepGivenUp({ number, alert }: StoredAlert): Promise<string | undefined> {
    const folder = join(this.#path, 'given-up');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await syncFolder(this.#path);
    if ((await readdir(folder)).length >= GIVEN_UP_MAX) return undefined;
    // By its name as well: numbers begin anew when a sink has taken everything.
    const path = join(folder, `${String(number).padStart(16, '0')}-${alert.id}.json`);
    await writeFileDurably(path, `${JSON.stringify(alert)}\n`);
    return path;
  }

  #fileOf(number: number): string {
    return join(this.#path, `${String(number).padStart(16, '0')}.json`);
  }

  async #setAside(path: string, onBad: (error: TlogError) => void): Promise<void> {
    await rename(path, `${path}.bad`);
    onBad(new TlogError('data_damaged', `${path} is no alert: it was set aside as ${path}.bad`));
  }
}

/** Written by us alone: a form that is not ours is damage. */
function alertIn(text: string): RaisedAlert | undefined {
  try {
    const value: Partial<RaisedAlert> = { ...(JSON.parse(text) as object) };
    const { id, kind, log, message, at } = value;
    const isText = [id, log, message, at].every((each) => typeof each === 'string');
    return isText && typeof kind === 'string' && Object.hasOwn(ALERT_KINDS, kind)
      ? (value as RaisedAlert)
      : undefined;
  } catch {
    return undefined; // SyntaxError
  }
}
