import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A start that re-hashes a million entries, on a machine that has other work. */
const START_MS = 10 * 60_000;
const SAID_MAX = 8_000;

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it said on stderr. */
  readonly said: string;
}

/** A server that takes requests. */
export interface ServerProcess {
  /** Base URL, without a slash at the end. */
  readonly url: string;
  /** From the start of the process to the first /readyz that was 200. */
  readonly readyMs: number;
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

/** What to start: a program for node and its arguments, or another command that ends in one. */
export interface ServerCommand {
  readonly args: readonly string[];
  /** Put before the node command: a tracer, for example. */
  readonly before?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the process as soon as there is one, so that it can be killed while it starts. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

/** Starts a server and waits until it is ready, or until it has ended without ever being so. */
export async function startServerProcess(command: ServerCommand): Promise<ServerProcess | Ended> {
  const startedAt = performance.now();
  const [file = process.execPath, ...args] = [...(command.before ?? []), process.execPath, ...command.args];
  const env = { PATH: process.env['PATH'] ?? '', ...command.env };
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = endOf(child);
  command.onSpawn?.(child);
  const over = new AbortController();
  const stop = (): void => over.abort();
  void ended.then(stop, stop);
  const url = await Promise.race([urlOf(child), ended.then(() => undefined)]);
  if (url === undefined || !(await isReady(url, over.signal))) return ended;
  return {
    url,
    readyMs: performance.now() - startedAt,
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

/** Whether it is running, or has ended. */
export function isRunning(server: ServerProcess | Ended): server is ServerProcess {
  return 'url' in server;
}

function endOf(child: ChildProcess): Promise<Ended> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-SAID_MAX);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, said }));
  });
}

/** From the first line of `serve --json`. */
async function urlOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError('the process has no stdout');
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, 'line', { signal: AbortSignal.timeout(START_MS) });
  const { url }: { url: string } = JSON.parse(String(line));
  return url.replace(/\/$/, '');
}

/** Asks until it is, or is over; while a log re-hashes its entries the answer is 503. */
async function isReady(url: string, over: AbortSignal): Promise<boolean> {
  for (const endAt = performance.now() + START_MS; performance.now() < endAt; ) {
    if (over.aborted) return false;
    const status = await fetch(`${url}/readyz`).then(
      (answer) => answer.arrayBuffer().then(() => answer.status),
      () => 0,
    );
    if (status === 200) return true;
  }
  throw new Error(`${url} is not ready after ${START_MS} ms`);
}
