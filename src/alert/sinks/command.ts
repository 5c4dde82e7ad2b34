import { spawn } from 'node:child_process';
import { TlogError } from '../../core/error.ts';
import type { Sink } from '../sink.ts';

/** Nothing of our own environment: it may hold a token. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

/** A program and its arguments, run without a shell. */
export interface CommandOptions {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

/** Runs a program with the alert as JSON on its stdin; exit code 0 is taken. Killed when its time is over. */
export function commandSink({ name, command: [program, ...args] }: CommandOptions): Sink {
  return {
    name,
    async deliver(alert, signal) {
      const code = await exitOf(program, args, { input: `${JSON.stringify(alert)}\n`, signal }).catch(
        (cause: Error) => {
          throw new TlogError('not_delivered', `${program}: ${cause.message}`, { cause });
        },
      );
      if (code !== 0) throw new TlogError('not_delivered', `${program} ended with ${code}`);
    },
  };
}

function exitOf(
  program: string,
  args: readonly string[],
  { input, signal }: { readonly input: string; readonly signal: AbortSignal },
): Promise<number | string> {
  return new Promise((resolve, reject) => {
    const stdio = ['pipe', 'ignore', 'ignore'] as const;
    const child = spawn(program, args, {
      env: ENVIRONMENT,
      signal,
      killSignal: 'SIGKILL',
      stdio: [...stdio],
    });
    child.on('error', reject);
    child.on('exit', (code, killedBy) => resolve(code ?? killedBy ?? 'nothing'));
    // A program that does not read its input is no failure: its exit code says what it did.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
