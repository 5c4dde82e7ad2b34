import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Alert, AlertKind } from '../alert/alert.ts';
import type { Alerter } from '../alert/alerter.ts';
import { TlogError } from '../core/error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { originHash } from '../witness/witness-record.ts';
import type { Observation } from './observation.ts';

/** Files of one kind that are kept of one log: nobody who can sign for a log can fill the disk. */
const FILES_MAX = 20;

/** What can be over: a fork, once signed, stays one, and a smaller tree was shown whatever is shown later. */
const PASSING: readonly AlertKind[] = [
  ...(['bad_signature', 'bad_tile', 'bad_entry', 'no_proof', 'unreachable'] as const),
  ...(['stale_head', 'missing_witnesses', 'clock_skew', 'suspicion', 'refused'] as const),
];

/** Where observations go. */
export interface ReporterDeps {
  /** Folder of evidence and notes. */
  readonly folder: string;
  readonly alerter: Pick<Alerter, 'raise' | 'resolve'>;
  /** Gets each alert when it is raised first, and again after a day. */
  onAlert(alert: Alert): void;
  /** Gets a failure to write evidence, with its text: it is nowhere else then. */
  onUnkept(error: TlogError, text: string): void;
}

/** Makes alerts of what was observed: the file that convicts is written and synced before anybody is told. */
export class Reporter {
  readonly #deps: ReporterDeps;
  /** One after the other, so that files are counted rightly. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  /** Resolves once file and alert are durable. Never rejects. */
  report(origin: string, observation: Observation): Promise<void> {
    const turn = this.#turn.then(() => this.#report(origin, observation));
    this.#turn = turn;
    return turn;
  }

  /** What was told of a log and can be over is over, but for what still is so. Never rejects. */
  settle(origin: string, still: readonly Observation[]): Promise<void> {
    const alerts = still.map((observation) => alertOf(origin, observation));
    const turn = this.#turn.then(async () => {
      for (const kind of PASSING)
        await this.#deps.alerter.resolve({ source: 'monitor', log: origin, kind }, alerts);
    });
    this.#turn = turn;
    return turn;
  }

  async #report(origin: string, observation: Observation): Promise<void> {
    const { evidence, notes } = observation;
    const text = evidence ?? (notes === undefined ? undefined : notesFile(origin, observation));
    const file = text === undefined ? undefined : await this.#keep(origin, observation.kind, text);
    const named = file === undefined ? {} : { evidenceFile: file };
    const alert: Alert = { ...alertOf(origin, observation), ...named };
    if ((await this.#deps.alerter.raise(alert)) === 'queued') this.#deps.onAlert(alert);
  }

  /** The path of the file; undefined when there are so many of this sort already, or it cannot be written: the alert goes out all the same. */
  async #keep(origin: string, kind: string, text: string): Promise<string | undefined> {
    const { folder } = this.#deps;
    const sort = `${kind}-${originHash(origin).slice(0, 16)}-`;
    const name = `${sort}${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`;
    const path = join(folder, name);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const there = (await readdir(folder)).filter((each) => each.startsWith(sort) && each.endsWith('.json'));
      if (there.includes(name)) return path;
      if (there.length >= FILES_MAX) return undefined;
      await writeFileDurably(path, text);
      return path;
    } catch (cause) {
      const message = `evidence could not be written: ${(cause as Error).message}`;
      this.#deps.onUnkept(new TlogError('not_writable', message, { cause }), text);
      return undefined;
    }
  }
}

function alertOf(origin: string, { evidence: _, notes: __, ...facts }: Observation): Alert {
  return { ...facts, source: 'monitor', log: origin };
}

/** Notes that convict nobody by themselves, byte for byte. */
function notesFile(origin: string, { kind, message, notes }: Observation): string {
  return `${JSON.stringify({ format: 'notes/1', kind, origin, message, notes })}\n`;
}
