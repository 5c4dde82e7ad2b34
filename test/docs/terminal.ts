import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const FENCE_MS = 90_000;
const STOP_MS = 20_000;
/** Ends what a fence printed; nothing that a page shows has this character. */
const END = '\u001e';

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A shell as a reader has it open: what one fence sets, the next one sees. Its children are gone when it closes. */
export class Shell implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = '';

  constructor({ cwd, env }: Place) {
    // Both outputs in one pipe, so that they come in the order in which a reader sees them.
    this.#process = spawn('sh', ['-c', 'exec sh -e 2>&1'], { cwd, env, detached: true });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.#closed = once(this.#process, 'close');
  }

  /** Runs a file in this shell: its output, and its exit code when that is the one expected. @throws Error otherwise */
  async run(file: string, exitCode: number): Promise<string> {
    this.#output = '';
    const ended = this.#until(() => this.#output.includes(END));
    const lenient =
      exitCode === 0 ? `. '${file}' </dev/null; s=0` : `set +e; . '${file}' </dev/null; s=$?; set -e`;
    this.#process.stdin?.write(`${lenient}\nprintf '${END}%s\\n' "$s"\n`);
    const why = await ended;
    const [output = '', code] = this.#output.split(END);
    if (why !== undefined) throw new Error(`${why} after this output:\n${output}`);
    if (Number(code) !== exitCode) throw new Error(`exit code ${code?.trim()}, not ${exitCode}:\n${output}`);
    return output;
  }

  /** Undefined once it is so; else why it will not be. */
  async #until(isSo: () => boolean): Promise<string | undefined> {
    const late = AbortSignal.timeout(FENCE_MS);
    const closed = this.#closed.then(() => 'the shell ended');
    while (!isSo()) {
      const data = once(this.#process.stdout ?? this.#process, 'data', { signal: late }).then(
        () => undefined,
        () => 'no end in time',
      );
      const why = await Promise.race([data, closed]);
      if (why !== undefined && !isSo()) return why;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    signalGroup(this.#process, 'SIGTERM');
    this.#process.stdin?.end();
    await within(this.#closed);
    signalGroup(this.#process, 'SIGKILL');
  }
}

/** A terminal of its own that a server runs in, until Ctrl-C. */
export class ServerTerminal implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = '';

  constructor(file: string, { cwd, env }: Place) {
    this.#process = spawn('sh', ['-e', '-c', `. '${file}' 2>&1`], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.#closed = once(this.#process, 'close');
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until the server takes requests and has said what is expected. @throws Error when it ends, or not in time */
  async ready(url: string, isSaid: (output: string) => boolean): Promise<void> {
    const late = AbortSignal.timeout(FENCE_MS);
    let ended = false;
    void this.#closed.then(() => {
      ended = true;
    });
    while (!((await isReady(url, late)) && isSaid(this.#output))) {
      if (ended || late.aborted)
        throw new Error(`${ended ? 'it ended' : 'not ready in time'}:\n${this.#output}`);
      await pause(late);
    }
  }

  /** As Ctrl-C does. */
  async stop(): Promise<void> {
    signalGroup(this.#process, 'SIGINT');
    await within(this.#closed);
    signalGroup(this.#process, 'SIGKILL');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  return fetch(`${url}/readyz`, { signal }).then(
    (answer) => answer.ok,
    () => false,
  );
}

/** Between two tries; a port that opens tells nobody. */
async function pause(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 50);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function within(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_MS);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
