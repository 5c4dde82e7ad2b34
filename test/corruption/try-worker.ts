import { type ChildProcess, fork } from 'node:child_process';
import type { Trial } from './trial.ts';

/** What a worker tells. */
interface Told {
  readonly ready?: true;
  readonly fsck?: string | null;
  readonly trial?: Trial;
}

/** Runs trials in a process that may die of them. */
export class TryWorker implements Disposable {
  readonly #program: string;
  readonly #reference: string;
  #child: ChildProcess | undefined;

  /** @param program compiled worker.ts @param reference file of the reference in JSON */
  constructor(program: string, reference: string) {
    this.#program = program;
    this.#reference = reference;
  }

  /** Tries one copy. A process that dies is one that answered nothing: a refusal, unless it died in fsck. */
  async try(copy: string): Promise<Trial> {
    const child = this.#child ?? (await this.#start());
    this.#child = child;
    return new Promise((resolve) => {
      let fsck: string | null | undefined;
      const told = (message: Told): void => {
        if (message.fsck !== undefined) fsck = message.fsck;
        if (message.trial !== undefined) end(message.trial);
      };
      const died = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#child = undefined;
        const empty = { wrong: [], failed: 0, badHeads: [], repeated: 0 };
        const refusal = `the process ended with ${signal ?? code}`;
        const bugs = fsck === undefined ? [`fsck: ${refusal}`] : [];
        end({ ...empty, ...(typeof fsck === 'string' ? { fsck } : {}), refusal, bugs });
      };
      const end = (trial: Trial): void => {
        child.off('message', told);
        child.off('exit', died);
        resolve(trial);
      };
      child.on('message', told);
      child.on('exit', died);
      child.send(copy);
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
