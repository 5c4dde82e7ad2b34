import { TlogError } from '../core/error.ts';
import type { Now } from '../runtime/now.ts';
import { checkDataDirectory, listLogs } from './data-directory.ts';
import { type OpenLog, type OpenLogDeps, openLog } from './open-log.ts';
import type { QueueLimits } from './pending-queue.ts';

/** Logs that one process serves at most. */
export const LOGS_MAX = 64;

/** The logs of one data directory, each opened when it is first asked for. */
export class LogSet implements AsyncDisposable {
  readonly #deps: OpenLogDeps;
  readonly #queue: QueueLimits | undefined;
  readonly #names: ReadonlySet<string>;
  readonly #opening = new Map<string, Promise<OpenLog>>();
  readonly #opened = new Map<string, OpenLog>();
  /** Resolves with the first error that ends a log; the process must end then. Never rejects. */
  readonly failed: Promise<TlogError>;
  #reportFailure: (error: TlogError) => void = () => {};

  private constructor(deps: OpenLogDeps, names: readonly string[], queue: QueueLimits | undefined) {
    this.#deps = deps;
    this.#names = new Set(names);
    this.#queue = queue;
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  /** Lists the logs and opens the first, so that a directory that must not start is refused here. */
  static async open(deps: OpenLogDeps, options: { readonly queue?: QueueLimits } = {}): Promise<LogSet> {
    await checkDataDirectory(deps.dir);
    const names = (await listLogs(deps.dir)).map((manifest) => manifest.name);
    if (names.length === 0) throw new TlogError('no_data', `no log in ${deps.dir.dataPath}: run stele init`);
    if (names.length > LOGS_MAX)
      throw new TlogError('invalid_config', `${names.length} logs; one process serves ${LOGS_MAX} at most`);
    const set = new LogSet(deps, names, options.queue);
    for (const name of names.slice(0, 1)) await set.get(name);
    return set;
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
    const log = await openLog(this.#deps, name, this.#queue === undefined ? {} : { queue: this.#queue });
    this.#opened.set(name, log);
    log.failed.then(this.#reportFailure);
    return log;
  }

  /** Closes every log. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#opening.values()].map((opening) => opening.then((log) => log.close())));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
