import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { TlogError } from '../core/error.ts';
import { systemClock } from '../runtime/clock.ts';
import { type DataDirectory, logPaths } from '../sequencer/data-directory.ts';
import type { OpenLog } from '../sequencer/open-log.ts';
import type { SignedLog } from '../sequencer/signed-log.ts';
import { type AskDeps, askBeforeSigning } from '../witnessing/before-signing.ts';
import { publishedFile } from '../witnessing/published-file.ts';
import { RequestBudget } from '../witnessing/request-budget.ts';
import { keepWitnessingAlert, type WitnessingAlert } from '../witnessing/witness-alert.ts';
import { readWitnessPolicy, type WitnessPolicy } from '../witnessing/witness-policy.ts';
import { Witnessing, type WitnessingOptions } from '../witnessing/witnessing.ts';
import type { WitnessingSettings } from './witnessing-settings.ts';

/** Requests to witnesses under way at once, over all logs. */
const REQUESTS_MAX = 32;
/** Of those, to one witness. */
const REQUESTS_EACH_MAX = 8;
const MAX_WITNESS_LAG_SECONDS = 10;
const INTERVAL_SECONDS = 1;
const TIMEOUT_SECONDS = 5;

/** What a server gives to all of its logs. */
export interface WitnessingsDeps {
  readonly dir: DataDirectory;
  /** By the name of the log. */
  readonly settings: ReadonlyMap<string, WitnessingSettings>;
  readonly lines: Logger;
  /** Resolves once people will be told, whatever becomes of the process; `file` holds the alert. */
  readonly onAlert: (alert: WitnessingAlert, file: string | undefined) => Promise<unknown>;
}

/** Has the heads of a server's logs cosigned, of each log that has a policy. */
export class Witnessings {
  readonly #deps: WitnessingsDeps;
  readonly #budget = new RequestBudget(REQUESTS_MAX, REQUESTS_EACH_MAX);
  readonly #running = new Map<string, Witnessing>();

  constructor(deps: WitnessingsDeps) {
    this.#deps = deps;
  }

  /** Names of the logs that have a policy. */
  names(): string[] {
    return [...this.#deps.settings.keys()];
  }

  /** How a log is witnessed; undefined without a policy, and while it is not open. */
  of(log: string): Witnessing | undefined {
    return this.#running.get(log);
  }

  /** No request waits for witnesses any more, in whatever log. */
  stopWaiting(): void {
    for (const witnessing of this.#running.values()) witnessing.stopWaiting();
  }

  /**
   * Begins to have a log's heads cosigned. Whoever opened the log disposes of this before it closes the log.
   * @throws TlogError invalid_config, malformed_policy, data_damaged, fork, witness_ahead
   */
  async attend(log: OpenLog): Promise<AsyncDisposable> {
    const settings = this.#deps.settings.get(log.name);
    const file = publishedFile(logPaths(this.#deps.dir, log.name).root);
    if (settings === undefined) {
      // From now on the log head is published; a later policy must not go back behind it.
      await file.remove();
      return { [Symbol.asyncDispose]: async () => undefined };
    }
    const deps = await this.#depsOf(log, settings);
    this.#warnOf(log.name, deps.policy);
    const witnessing = await Witnessing.start({ ...deps, log, file, random: Math.random });
    this.#running.set(log.name, witnessing);
    return witnessing;
  }

  /**
   * Asks a log's witnesses what they hold, before it signs what a crash left unsigned.
   * @throws TlogError invalid_config, malformed_policy, fork, witness_ahead
   */
  async beforeSigning(log: SignedLog): Promise<void> {
    const settings = this.#deps.settings.get(log.name);
    if (settings !== undefined) await askBeforeSigning(log, await this.#depsOf(log, settings));
  }

  async #depsOf(log: SignedLog, settings: WitnessingSettings): Promise<AskDeps & WitnessingOptions> {
    const folder = logPaths(this.#deps.dir, log.name).root;
    const policy = readWitnessPolicy(await textOf(settings.policy), log);
    return {
      ...optionsOf(settings, policy),
      ...{ policy, clock: systemClock, budget: this.#budget },
      fetch: (url, init) => globalThis.fetch(url, init),
      keepAlert: (alert) => this.#alert(folder, alert),
      onTrouble: (err, witness) =>
        this.#deps.lines.warn({ log: log.name, witness, err }, 'witnessing had to wait'),
    };
  }

  #warnOf(log: string, { apart, unverified }: WitnessPolicy): void {
    if (unverified.length > 0)
      this.#deps.lines.warn(
        { log, witnesses: unverified },
        'cosignatures of ML-DSA-44 keys are not verified here: these witnesses are not asked and count for no quorum',
      );
    if (apart === undefined) return;
    const [one, other] = apart;
    this.#deps.lines.warn(
      { log, one, other },
      'two quorums of the policy have no witness in common: each could be shown another history',
    );
  }

  /** A disk that is full silences nobody: then the log line has the evidence. */
  async #alert(folder: string, alert: WitnessingAlert): Promise<string | undefined> {
    const { evidence, notes: _, ...facts } = alert;
    const file = await keepWitnessingAlert(folder, alert, systemClock.nowMs()).catch(
      (err: unknown) => void this.#deps.lines.error({ err, evidence }, 'an alert could not be written'),
    );
    this.#deps.lines.error({ alert: facts, file }, 'alert');
    await this.#deps.onAlert(alert, file);
    return file;
  }
}

function optionsOf(settings: WitnessingSettings, { witnesses }: WitnessPolicy): WitnessingOptions {
  const { mode = 'require', maxWitnessLagSeconds = MAX_WITNESS_LAG_SECONDS } = settings;
  const { intervalSeconds = INTERVAL_SECONDS, intervalSecondsOf = {} } = settings;
  const { timeoutSeconds = TIMEOUT_SECONDS } = settings;
  for (const name of Object.keys(intervalSecondsOf))
    if (!witnesses.some((witness) => witness.name === name))
      throw new TlogError(
        'invalid_config',
        `intervalSecondsOf: the policy has no witness ${name} with a URL`,
      );
  return {
    mode,
    maxWitnessLagMs: maxWitnessLagSeconds * 1_000,
    intervalMs: (name) => (intervalSecondsOf[name] ?? intervalSeconds) * 1_000,
    timeoutMs: timeoutSeconds * 1_000,
  };
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const message = `cannot read the policy ${path}: ${(cause as Error).message}`;
    throw new TlogError('invalid_config', message, { cause });
  }
}
