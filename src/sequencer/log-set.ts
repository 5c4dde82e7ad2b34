import { TlogError } from '../core/error.ts';
import type { Now } from '../runtime/now.ts';
import { checkDataDirectory, listLogs } from './data-directory.ts';
import type { LogManifest } from './manifest.ts';
import { type OpenLog, type OpenLogDeps, type OpenOptions, openLog } from './open-log.ts';
import { ofLog } from './refusal.ts';
import { TileMemory } from './tile-memory.ts';

/** Logs that one process serves at most. */
export const LOGS_MAX = 64;
/** How often the disk is looked at while nobody writes. */
const WATCH_MS = 1_000;

/** What a set of logs may be told. */
export interface LogSetOptions extends OpenOptions {
  /**
   * Gives what works on a log while it is open; it is disposed of before the log closes. Before it is there nobody sees the log,
   * and when it throws the log is refused.
   */
  readonly attend?: (log: OpenLog) => Now<AsyncDisposable>;
}

/** Two logs of one origin would sign two trees in one name: a copied folder is no second log. */
function checkOrigins(manifests: readonly LogManifest[]): void {
  const seen = new Map<string, string>();
  for (const { name, origin } of manifests) {
    const other = seen.get(origin);
    if (other !== undefined)
      throw new TlogError('invalid_config', `logs ${other} and ${name} have one origin, ${origin}: keep one`);
    seen.set(origin, name);
  }
}

/** The logs of one data directory, each opened when it is first asked for. */
export class LogSet implements AsyncDisposable {
  readonly #deps: OpenLogDeps;
  readonly #options: LogSetOptions;
  readonly #attendants: AsyncDisposable[] = [];
  readonly #names: ReadonlySet<string>;
  readonly #opening = new Map<string, Promise<OpenLog>>();
  readonly #opened = new Map<string, OpenLog>();
  readonly #closing = new AbortController();
  /** Resolves with the first error that ends a log, and names it; the process must end then. Never rejects. */
  readonly failed: Promise<TlogError>;
  #reportFailure: (error: TlogError) => void = () => {};

  private constructor(deps: OpenLogDeps, names: readonly string[], options: LogSetOptions) {
    this.#deps = deps;
    this.#names = new Set(names);
    this.#options = { tiles: new TileMemory(), ...options };
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  /** Lists the logs and opens the first, so that a directory that must not start is refused here. */
  static async open(deps: OpenLogDeps, options: LogSetOptions = {}): Promise<LogSet> {
    await checkDataDirectory(deps.dir);
    const manifests = await listLogs(deps.dir);
    const names = manifests.map((manifest) => manifest.name);
    if (names.length === 0) throw new TlogError('no_data', `no log in ${deps.dir.dataPath}: run stele init`);
    if (names.length > LOGS_MAX)
      throw new TlogError('invalid_config', `${names.length} logs; one process serves ${LOGS_MAX} at most`);
    checkOrigins(manifests);
    const set = new LogSet(deps, names, options);
    for (const name of names.slice(0, 1)) await set.get(name);
    void set.#watch();
    return set;
  }

  /** A log without writers would never notice that its files are gone. */
  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#deps.clock.sleep(WATCH_MS, signal);
      for (const log of signal.aborted ? [] : this.opened()) log.lookAtDisk();
    }
  }

  /** Names of all logs, opened or not. */
  names(): string[] {
    return [...this.#names];
  }

  /** Logs that are open now. */
  opened(): OpenLog[] {
    return [...this.#opened.values()];
  }

  /** A log by name; undefined when there is none. @throws TlogError of kind refused when it must not start */
  get(name: string): Now<OpenLog | undefined> {
    const open = this.#opened.get(name);
    if (open !== undefined) return open;
    if (!this.#names.has(name)) return undefined;
    const opening = this.#opening.get(name) ?? this.#openOne(name);
    this.#opening.set(name, opening);
    return opening;
  }

  async #openOne(name: string): Promise<OpenLog> {
    const log = await openLog(this.#deps, name, this.#options);
    log.failed.then((error) => this.#reportFailure(ofLog(error, name)));
    try {
      const attendant = await this.#options.attend?.(log);
      if (attendant !== undefined) this.#attendants.push(attendant);
    } catch (error) {
      await log.close();
      throw error;
    }
    this.#opened.set(name, log);
    return log;
  }

  /** Closes every log. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    // One that was refused is no reason to leave the others as after a crash.
    await Promise.allSettled(this.#opening.values());
    await Promise.all(this.#attendants.map((attendant) => attendant[Symbol.asyncDispose]()));
    await Promise.all(this.opened().map((log) => log.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
