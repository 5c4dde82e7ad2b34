import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const MAIN = 'dist/cli/main.js';
const ORIGIN = 'interop.example';
const BATCH = 1_000;
const START_MS = 30_000;
const STOP_MS = 20_000;
const COMMAND_MS = 120_000;

/** A log served by the real program, in a process and a folder of its own; disposing ends and removes both. */
export interface LogProcess extends AsyncDisposable {
  /** The log's own address, such as `http://127.0.0.1:41234/logs/main`. */
  readonly url: string;
  readonly origin: string;
  readonly vkey: string;
  /** May do everything on every log. */
  readonly token: string;
  /** Ends the server; what it wrote stays until the disposal. */
  stop(): Promise<void>;
  /** Runs a command of the built program on the data of the stopped server; gives back its stdout. */
  command(...args: readonly string[]): Promise<string>;
  /** Appends `count` entries, `entry <index>`, in batches. */
  append(count: number): Promise<void>;
}

/** What a log process may be told beside the defaults. */
export interface LogProcessOptions {
  /** Text of a witness policy, made once the log has its key. */
  readonly policyOf?: (log: { readonly origin: string; readonly vkey: string }) => Promise<string>;
}

/** Starts `init` and `serve` of the built program (`npm run build`) and waits until it listens. */
export async function startLogProcess({ policyOf }: LogProcessOptions = {}): Promise<LogProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'stele-interop-'));
  const data = join(folder, 'data');
  const init = [MAIN, 'init', '--json', '--data', data, '--origin', ORIGIN];
  const { stdout } = await promisify(execFile)(process.execPath, init, { timeout: START_MS });
  const made: Initialised = JSON.parse(stdout);
  const { token } = made;
  const policy = policyOf && (await policyOf(mainOf(made)));
  const policyFile = join(folder, 'policy');
  if (policy !== undefined) await writeFile(policyFile, policy);
  const witnessed = policy === undefined ? [] : ['--policy', policyFile];
  const serve = [MAIN, 'serve', '--json', '--data', data, '--listen', '127.0.0.1:0', ...witnessed];
  const child = spawn(process.execPath, serve, { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = async (): Promise<void> => {
    await endProcess(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { url, origin, vkey } = await listening(child);
    let size = 0;
    const append = async (count: number): Promise<void> => {
      for (const end = size + count; size < end; ) {
        const length = Math.min(BATCH, end - size);
        await postBatch(url, token, size, length);
        size += length;
      }
    };
    const command = async (...args: readonly string[]): Promise<string> => {
      const options = { timeout: COMMAND_MS };
      const ran = await promisify(execFile)(process.execPath, [MAIN, ...args, '--data', data], options);
      return ran.stdout;
    };
    return {
      ...{ url, origin, vkey, token, append, command },
      stop: () => endProcess(child),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Initialised {
  readonly token: string;
  readonly logs: readonly { readonly name: string; readonly origin: string; readonly vkey: string }[];
}

function mainOf({ logs }: Pick<Initialised, 'logs'>): Initialised['logs'][number] {
  const main = logs.find((log) => log.name === 'main');
  if (main === undefined) throw new Error('no log main');
  return main;
}

/** The first line of `serve --json`; whatever the process said instead is in the error. */
async function listening(child: ChildProcess): Promise<{ url: string; origin: string; vkey: string }> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  if (child.stdout === null) throw new TypeError('the process has no stdout');
  const lines = createInterface({ input: child.stdout });
  const signal = AbortSignal.timeout(START_MS);
  const line = await Promise.race([
    once(lines, 'line', { signal }).then(([first]) => String(first)),
    once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`serve ended with ${code}: ${said}`);
    }),
  ]);
  const started: { url: string } & Pick<Initialised, 'logs'> = JSON.parse(line);
  const { origin, vkey } = mainOf(started);
  return { url: `${started.url.replace(/\/$/, '')}/logs/main`, origin, vkey };
}

async function postBatch(url: string, token: string, start: number, length: number): Promise<void> {
  const lines = Array.from({ length }, (_, offset) => `entry ${start + offset}\n`);
  const response = await fetch(`${url}/entries`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: lines.join(''),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`append at ${start}: ${response.status} ${answer}`);
}

/** SIGTERM, and SIGKILL for a process that does not end. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(timer);
}
