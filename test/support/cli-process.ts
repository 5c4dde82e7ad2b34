import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');

/** What a command line did. */
export interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly text: string;
  readonly stderr: string;
}

/** A server as a process. */
export interface Serving {
  readonly process: ChildProcess;
  readonly url: string;
  readonly opsUrl?: string;
  readonly logs: readonly { readonly vkey: string }[];
  /** What it has written to stderr so far. */
  stderr(): string;
  /** Signals it and waits for its end; gives the exit code, null when the signal killed it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** The command line as processes. */
export interface CliProcess {
  readonly main: string;
  stele(args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }): Promise<Ended>;
  serve(args: readonly string[], options?: { env?: Record<string, string> }): Promise<Serving>;
}

/** Compiles the command line from the sources under test, once a test file, and starts it as processes. */
export function compiledCli(): CliProcess {
  // Inside the checkout, so that the compiled modules find their packages.
  const out = join(ROOT, 'dist', `test-${process.pid}-${process.env['VITEST_WORKER_ID'] ?? '0'}`);
  const main = join(out, 'cli', 'main.js');
  const running = new Set<ChildProcess>();
  beforeAll(async () => {
    // What is wrong with types is said by `npm run typecheck`, and takes most of the time.
    const args = [
      'node_modules/typescript/bin/tsc',
      '-p',
      'tsconfig.build.json',
      '--noCheck',
      '--outDir',
      out,
    ];
    await run(process.execPath, args, { cwd: ROOT });
  });
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await rm(out, { recursive: true, force: true });
  });
  return {
    main,
    stele: (args, options = {}) => ended(main, args, options),
    serve: async (args, { env = {} } = {}) => {
      const argv = [main, 'serve', '--json', '--listen', '127.0.0.1:0', ...args];
      const child = spawn(process.execPath, argv, {
        env: environment(env),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      running.add(child);
      child.once('close', () => running.delete(child));
      return serving(child);
    },
  };
}

function environment(extra: Record<string, string>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', ...extra };
}

async function ended(
  main: string,
  args: readonly string[],
  { cwd = ROOT, env = {} }: { cwd?: string; env?: Record<string, string> },
): Promise<Ended> {
  const options = { env: environment(env), cwd, encoding: 'buffer', maxBuffer: 1e8 } as const;
  const { code, stdout, stderr } = await run(process.execPath, [main, ...args], options).then(
    (done) => ({ code: 0, ...done }),
    (error: { code: number; stdout: Buffer; stderr: Buffer }) => error,
  );
  return { code, stdout, text: stdout.toString(), stderr: stderr.toString() };
}

async function serving(child: ChildProcess): Promise<Serving> {
  if (child.stdout === null || child.stderr === null) throw new TypeError('the process has no pipes');
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const first = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'close').then(([code]) => {
      throw new Error(`serve ended with ${code}: ${said}`);
    }),
  ]);
  return {
    process: child,
    ...JSON.parse(String(first[0])),
    stderr: () => said,
    stop: async (signal = 'SIGTERM') => {
      const closed = once(child, 'close');
      child.kill(signal);
      return (await closed)[0];
    },
  };
}
