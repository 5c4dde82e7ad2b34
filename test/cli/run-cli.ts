import { Readable, Writable } from 'node:stream';
import { commandsFor } from '../../src/cli/commands.ts';
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
  const [stdout, stderr] = [new Kept(), new Kept()];
  const exitCode = await runCli(args, options.commands ?? (await commandsFor(args)), {
    env: options.env ?? {},
    terminal: {
      stdin: Readable.from([options.stdin ?? new Uint8Array()]),
      stdout,
      stderr,
      interactive: false,
    },
    stopSignal: () => new AbortController().signal,
  });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

/** Takes whatever is written, at once and however much. */
class Kept extends Writable {
  readonly #chunks: Uint8Array[] = [];

  override _write(chunk: Uint8Array, _: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

/** What a command line prints as JSON, run in this process: for what a test needs and is not about. */
export async function made(args: readonly string[]): Promise<Record<string, unknown> & Made> {
  const { exitCode, stdout, stderr } = await run([...args, '--json']);
  if (exitCode !== 0) throw new Error(`stele ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Of `init`, and of others that make something. */
interface Made {
  readonly token: string;
  readonly vkey: string;
  readonly logs: readonly { readonly vkey: string }[];
}
