import { type Logger, pino } from 'pino';
import { describeFailure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/**
 * The log lines of a running server for whoever operates it: JSON on stderr, one object a line with `level`,
 * `time`, a constant `msg` and the facts in fields. Neither entries nor secrets go in. Where a person watches, only
 * what needs one is said.
 */
export function createOperatorLog({ stderr, interactive }: Terminal): Logger {
  const options = {
    level: interactive ? 'warn' : 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
    serializers: { err: describeFailure },
  };
  return pino(options, stderr);
}
