import type { Logger } from 'pino';
import { systemClock } from '../runtime/clock.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { progressFile } from '../scrub/progress-file.ts';
import { Scrubber, type ScrubStatus } from '../scrub/scrubber.ts';
import { type DataDirectory, logPaths } from '../sequencer/data-directory.ts';
import type { Finding } from '../sequencer/finding.ts';
import type { OpenLog } from '../sequencer/open-log.ts';

/** The scrubbers of a running server, one for each log that is open. */
export class Scrubbers {
  readonly #dir: DataDirectory;
  readonly #periodMs: number;
  readonly #lines: Logger;
  readonly #running = new Map<string, Scrubber>();

  /** With a period of 0 nothing is scrubbed. */
  constructor(dir: DataDirectory, periodSec: number, lines: Logger) {
    this.#dir = dir;
    this.#periodMs = periodSec * 1_000;
    this.#lines = lines;
  }

  /** Begins to scrub a log; whoever opened it disposes of the scrubber before it closes the log. */
  attend(log: OpenLog): AsyncDisposable {
    if (this.#periodMs === 0) return { [Symbol.asyncDispose]: async () => undefined };
    const scrubber = Scrubber.start({
      log: log.stored(),
      hasher: nodeHasher,
      clock: systemClock,
      file: progressFile(logPaths(this.#dir, log.name).root),
      periodMs: this.#periodMs,
      onTrouble: (err) => this.#lines.warn({ log: log.name, err }, 'scrubbing had to wait'),
    });
    this.#running.set(log.name, scrubber);
    return scrubber;
  }

  /** How far a log is; undefined when it is not scrubbed. */
  status(log: string): ScrubStatus | undefined {
    return this.#running.get(log)?.status();
  }
}

/** The alert of a damage as a log line; the record of it lies in the folder of the log. */
export function tellFinding(lines: Logger, finding: Finding, unkept: unknown): void {
  // As one field: a tile has a level, and so has a line.
  const facts = { log: finding.log, finding };
  lines.error(
    unkept === undefined ? facts : { ...facts, err: unkept },
    'stored bytes are damaged: the log signs nothing',
  );
}
