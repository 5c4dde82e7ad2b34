import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const START_MS = 60_000;
const STOP_MS = 30_000;

/** A server in a process of its own; disposing ends it. */
export interface Child extends AsyncDisposable {
  /** What the first line of its stdout says: all our servers print one JSON object once they listen. */
  readonly url: string;
  readonly pid: number;
}

const running = new Set<ChildProcess>();
process.once('exit', killLeftovers);

/** Kills the servers that nobody stopped, such as those of a row that failed half-way. */
export function killLeftovers(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Starts a server and waits for its first line. @throws Error with what the process said instead */
export async function startChild(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const stop = (): Promise<void> => end(child);
  try {
    const { url }: { url: string } = JSON.parse(await firstLine(child));
    return { url: url.replace(/\/$/, ''), pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  if (child.stdout === null) throw new TypeError('the process has no stdout');
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(START_MS);
  return Promise.race([
    once(lines, 'line', { signal }).then(([line]) => String(line)),
    once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`${child.spawnfile} ended with ${code}: ${said}`);
    }),
  ]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(timer);
}

/** Runs a program to its end and gives back its stdout, trimmed. @throws Error when it fails */
export async function runForText(file: string, args: readonly string[], cwd?: string): Promise<string> {
  const env = { ...process.env, GOTOOLCHAIN: 'local' };
  const { stdout } = await promisify(execFile)(file, args, { env, ...(cwd === undefined ? {} : { cwd }) });
  return stdout.trim();
}

/** Runs a Node program to its end and parses the JSON on its stdout. @throws Error when it fails */
export async function runNodeForJson<T>(file: string, args: readonly string[]): Promise<T> {
  return JSON.parse(await runForText(process.execPath, [file, ...args]));
}
