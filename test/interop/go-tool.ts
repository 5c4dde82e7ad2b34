import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MODULE = 'test/interop/go';
const BUILD_MS = 240_000;
const RUN_MS = 120_000;
const ENVIRONMENT = { ...process.env, GOTOOLCHAIN: 'local' };

/** How a tool ended; `exitCode` is undefined when the time limit ended it. */
export interface ToolRun {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Go program, built into a folder that disposing removes. */
export interface GoTool extends AsyncDisposable {
  /** Where the tool and the files of a test may lie. */
  readonly folder: string;
  /** The program itself, for whoever keeps it running. */
  readonly binary: string;
  /** Runs it to its end, with `input` on stdin. */
  run(args: readonly string[], input?: string): Promise<ToolRun>;
  /** Its lines on stdout as they come, until it ends. Throws when it does not end with 0. */
  start(args: readonly string[]): AsyncIterable<string>;
}

/** Why the Go suites cannot run here, or undefined. In CI a missing Go is no excuse: they run, and fail. */
export function goMissing(): string | undefined {
  try {
    execFileSync('go', ['version'], { env: ENVIRONMENT, stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const reason = `go does not run here: ${(error as Error).message}`;
    if (process.env['CI'] === 'true') return undefined;
    console.warn(`skipped: ${reason}`);
    return reason;
  }
}

/** Builds a main package of a Go module, test/interop/go unless given, by its path or as a pinned tool. */
export async function buildGoTool(mainPackage: string, module: string = MODULE): Promise<GoTool> {
  const folder = await mkdtemp(join(tmpdir(), 'stele-go-'));
  const binary = join(folder, 'tool');
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const built = await execute('go', ['build', '-o', binary, mainPackage], BUILD_MS, { cwd: module });
  if (built.exitCode !== 0) {
    await remove();
    throw new Error(`go build ${mainPackage} failed: ${built.stderr}`);
  }
  return {
    folder,
    binary,
    run: (args, input) => execute(binary, args, RUN_MS, { input }),
    start: (args) => lines(binary, args),
    [Symbol.asyncDispose]: remove,
  };
}

async function* lines(file: string, args: readonly string[]): AsyncGenerator<string> {
  const child = spawn(file, args, {
    env: ENVIRONMENT,
    timeout: RUN_MS,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<unknown>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code)),
  );
  try {
    yield* createInterface({ input: child.stdout });
    if ((await ended) !== 0) throw new Error(`${file} ended with ${await ended}`);
  } finally {
    child.kill('SIGKILL');
  }
}

function execute(
  file: string,
  args: readonly string[],
  timeout: number,
  { cwd = '.', input = '' }: { readonly cwd?: string; readonly input?: string | undefined },
): Promise<ToolRun> {
  const options = { timeout, cwd, env: ENVIRONMENT, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ exitCode: 0, stdout, stderr });
      const exitCode = typeof error.code === 'number' ? error.code : undefined;
      resolve({ exitCode, stdout, stderr: `${stderr}${exitCode === undefined ? error.message : ''}` });
    });
    // A tool that ends before it has read all says so itself.
    child.stdin?.on('error', () => {}).end(input);
  });
}
