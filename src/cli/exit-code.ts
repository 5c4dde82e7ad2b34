import { CommanderError } from 'commander';
import { TlogError } from '../core/error.ts';

/** What the process ends with; CLI-1 lists them. */
export const EXIT: {
  readonly ok: 0;
  readonly failed: 1;
  readonly usage: 2;
  readonly unreachable: 3;
  readonly fault: 70;
} = { ok: 0, failed: 1, usage: 2, unreachable: 3, fault: 70 };

/** One of the five exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command line itself is wrong: an argument, a missing option, a file that cannot be read. Exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Data could not be written where it was to go. Exit 70. */
export class WriteError extends Error {
  override readonly name = 'WriteError';
}

/**
 * The exit code that an error stands for. What the server or a file says and what fails a check is 1, what never
 * reached an answer is 3; anything that is not known here is our own fault.
 */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof TlogError)) return EXIT.fault;
  switch (error.kind) {
    case 'unavailable':
    case 'busy':
    case 'timeout':
      return EXIT.unreachable;
    case 'fatal':
      return EXIT.fault;
    default:
      return EXIT.failed;
  }
}
