import { type ChildProcess, fork } from 'node:child_process';
import { type FsckFound, NO_TRIAL, type Trial } from './trial.ts';

/** What a worker is asked to do. */
export interface Asked {
  readonly copy: string;
  /** Place of the target in the file. */
  readonly target: number;
  /** Whether scrubbing goes on, too. */
  readonly scrubs: boolean;
}

/** What a worker tells. */
interface Told {
  readonly ready?: true;
  readonly fsck?: FsckFound | null;
  readonly trial?: Trial;
}

/** Runs trials in a process that may die of them. */
export class TryWorker implements Disposable {
  readonly #program: string;
  readonly #reference: string;
  #child: ChildProcess | undefined;

  /** @param program compiled worker.ts @param reference file of the targets in JSON */
  constructor(program: string, reference: string) {
    this.#program = program;
    this.#reference = reference;
  }

  /** Tries one copy. A process that dies is one that answered nothing: a refusal, unless it died in fsck. */
  async try(asked: Asked): Promise<Trial> {
    const child = this.#child ?? (await this.#start());
    this.#child = child;
    return new Promise((resolve) => {
      let fsck: FsckFound | null | undefined;
      const told = (message: Told): void => {
        if (message.fsck !== undefined) fsck = message.fsck;
        if (message.trial !== undefined) end(message.trial);
      };
      const died = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#child = undefined;
        const refusal = `the process ended with ${signal ?? code}`;
        const bugs = fsck === undefined ? [`fsck: ${refusal}`] : [];
        end({ ...NO_TRIAL, ...(fsck ? { fsck } : {}), refusal, bugs });
      };
      const end = (trial: Trial): void => {
        child.off('message', told);
        child.off('exit', died);
        resolve(trial);
      };
      child.on('message', told);
      child.on('exit', died);
      child.send(asked);
    });
  }

  #start(): Promise<ChildProcess> {
    const child = fork(this.#program, [this.#reference], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    return new Promise((resolve, reject) => {
      child.once('message', () => resolve(child));
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    });
  }

  [Symbol.dispose](): void {
    this.#child?.kill();
  }
}
