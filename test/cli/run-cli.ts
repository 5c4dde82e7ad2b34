import { PassThrough, Readable } from 'node:stream';
import { commands } from '../../src/cli/commands.ts';
import type { Register } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/run.ts';

/** What a command line did. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, with an environment of its own. */
export async function run(
  args: readonly string[],
  options: { stdin?: Uint8Array; env?: Record<string, string>; commands?: readonly Register[] } = {},
): Promise<Ran> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const exitCode = await runCli(args, options.commands ?? commands, {
    env: options.env ?? {},
    terminal: {
      stdin: Readable.from([options.stdin ?? new Uint8Array()]),
      stdout,
      stderr,
      interactive: false,
    },
    stopSignal: () => new AbortController().signal,
  });
  return { exitCode, stdout: taken(stdout), stderr: taken(stderr) };
}

function taken(stream: PassThrough): string {
  const bytes: unknown = stream.read();
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : '';
}
