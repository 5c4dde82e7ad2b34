import { basename } from 'node:path';
import { parentPort, Worker } from 'node:worker_threads';
import { type ErrorCode, type ErrorDetails, TlogError } from '../core/error.ts';

/** What goes to another thread, and the memory that is moved there: here it is gone. */
export interface Sent<T> {
  readonly value: T;
  readonly moved: readonly ArrayBuffer[];
}

interface Asked<Question> {
  readonly number: number;
  readonly question: Question;
}

/** Why there is no answer. Of a TlogError only what it says gets from one thread to another. */
type Failed =
  | {
      readonly refusal: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly details: ErrorDetails;
      };
    }
  | { readonly thrown: unknown };

type Told<Answer> = { readonly answer: Answer } | Failed;
type Reply<Answer> = Told<Answer> & { readonly number: number };

interface Waiting<Answer> {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * A thread that answers questions, started by the first one. It is never started again: when it ends by itself, whoever waits and
 * whoever asks later is refused.
 */
export class Thread<Question, Answer> implements AsyncDisposable {
  readonly #module: URL;
  readonly #waiting = new Map<number, Waiting<Answer>>();
  #worker: Worker | undefined;
  #asked = 0;
  #failure: TlogError | undefined;
  /** Resolves with the error that ended it; the process must end then. Never rejects. */
  readonly failed: Promise<TlogError>;
  #reportFailure: (error: TlogError) => void = () => {};

  /** @param module compiled; it calls `answerQuestions` */
  constructor(module: URL) {
    this.#module = module;
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  /** @throws what the other thread throws; TlogError internal when it has ended */
  ask({ value: question, moved }: Sent<Question>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#worker ??= this.#start();
      const number = this.#asked;
      this.#asked += 1;
      this.#worker.postMessage({ number, question } satisfies Asked<Question>, moved);
      this.#waiting.set(number, { resolve, reject });
    });
  }

  /** Ends it; what waits is refused. */
  async close(): Promise<void> {
    this.#end(new TlogError('internal', 'the thread was closed'));
    await this.#worker?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #start(): Worker {
    // Flags of this process are none of the thread's: a module that one of them loads would be loaded twice.
    const worker = new Worker(this.#module, { execArgv: [] });
    worker.on('message', (reply: Reply<Answer>) => this.#take(reply));
    worker.on('error', (cause) => this.#fail(cause));
    worker.on('messageerror', (cause) => this.#fail(cause));
    worker.on('exit', (code) => this.#fail(new Error(`exit code ${code}`)));
    return worker;
  }

  #take(reply: Reply<Answer>): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    if ('answer' in reply) waiting?.resolve(reply.answer);
    else waiting?.reject(errorOf(reply));
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    const failure = new TlogError('internal', `the thread ${basename(this.#module.pathname)} has ended`, {
      cause,
    });
    this.#end(failure);
    this.#reportFailure(failure);
  }

  #end(failure: TlogError): void {
    this.#failure ??= failure;
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
  }
}

/** In the module of a thread: answers what it is asked. */
export function answerQuestions<Question, Answer>(
  answer: (question: Question) => Promise<Sent<Answer>>,
): void {
  parentPort?.on('message', async ({ number, question }: Asked<Question>) => {
    const { value, moved } = await answer(question).then(answered, refused);
    parentPort?.postMessage({ number, ...value } satisfies Reply<Answer>, moved);
  });
  // A question that cannot be read has no number to answer to.
  parentPort?.on('messageerror', (error: Error) => {
    throw error;
  });
}

function answered<Answer>({ value: answer, moved }: Sent<Answer>): Sent<Told<Answer>> {
  return { value: { answer }, moved };
}

function refused(thrown: unknown): Sent<Failed> {
  if (!(thrown instanceof TlogError)) return { value: { thrown }, moved: [] };
  const { code, message, details } = thrown;
  return { value: { refusal: { code, message, details } }, moved: [] };
}

function errorOf(failed: Failed): unknown {
  if ('thrown' in failed) return failed.thrown;
  const { code, message, details } = failed.refusal;
  return new TlogError(code, message, { details });
}
