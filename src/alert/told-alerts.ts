import { readFile } from 'node:fs/promises';
import { writeFileDurably } from '../store/durable-file.ts';
import type { Alert } from './alert.ts';

/** What is still so is told again after a day. */
const REPEAT_MS = 86_400_000;
/** What was over and is so again, no sooner than after this: something may come and go all the time. */
const AGAIN_MS = 600_000;
/** Names of alerts that are remembered; beyond it the oldest may be told again. */
const TOLD_MAX = 10_000;
/** Causes of one kind and log that are told within a day: whoever can make causes must not push out what else is to be told. */
export const CAUSES_MAX = 100;

/** What alerts are about, whatever their cause. */
export type AlertSubject = Pick<Alert, 'source' | 'log' | 'kind'>;

/** What is over: its name, and when it was told. */
export interface EndedAlert extends AlertSubject {
  readonly id: string;
  readonly atMs: number;
}

interface Told extends AlertSubject {
  readonly atMs: number;
  /** It was over since. */
  readonly isOver?: true;
}

/** Which alerts were told, by their names, so that each is told once. Owner of its file. */
export class ToldAlerts {
  readonly #path: string;
  /** Oldest first. Changed by `add` and `end`. */
  readonly #told: Map<string, Told>;

  private constructor(path: string, told: Map<string, Told>) {
    this.#path = path;
    this.#told = told;
  }

  /** Knows nothing where there is no such file, or none that can be read: then something is told once more. */
  static async open(path: string): Promise<ToldAlerts> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    return new ToldAlerts(path, toldIn(text));
  }

  has(id: string): boolean {
    return this.#told.has(id);
  }

  /** Whether it need not be told now. A clock that went back silences nothing. */
  isRecent(id: string, nowMs: number): boolean {
    const told = this.#told.get(id);
    return told !== undefined && isWithin(told, nowMs, told.isOver === true ? AGAIN_MS : REPEAT_MS);
  }

  /** Whether as many causes of this kind and log were told within a day as may be. */
  isFull(subject: AlertSubject, nowMs: number): boolean {
    const alike = [...this.#told.values()].filter((told) => isOf(told, subject));
    return alike.filter((told) => isWithin(told, nowMs, REPEAT_MS)).length >= CAUSES_MAX;
  }

  /** From now on it was told. */
  add(id: string, { source, log, kind }: AlertSubject, nowMs: number): void {
    this.#told.delete(id);
    this.#told.set(id, { source, log, kind, atMs: nowMs });
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= TOLD_MAX) break;
      this.#told.delete(oldest);
    }
  }

  /** What was told of the subject is over, but for some ids. Gives what was not over before. */
  end(subject: AlertSubject, butFor: ReadonlySet<string>): readonly EndedAlert[] {
    const ended = [...this.#told].filter(
      ([id, told]) => isOf(told, subject) && told.isOver === undefined && !butFor.has(id),
    );
    for (const [id, told] of ended) this.#told.set(id, { ...told, isOver: true });
    return ended.map(([id, { atMs }]) => ({ ...subject, id, atMs }));
  }

  /** Durable on return. */
  keep(): Promise<void> {
    return writeFileDurably(this.#path, `${JSON.stringify(Object.fromEntries(this.#told))}\n`);
  }
}

function isOf(told: Told, { source, log, kind }: AlertSubject): boolean {
  return told.kind === kind && told.log === log && told.source === source;
}

function isWithin({ atMs }: Told, nowMs: number, ms: number): boolean {
  return nowMs >= atMs && nowMs - atMs < ms;
}

function toldIn(text: string): Map<string, Told> {
  try {
    const pairs = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return new Map(pairs.flatMap(([id, value]) => (isTold(value) ? [[id, value] as const] : [])));
  } catch {
    return new Map(); // SyntaxError
  }
}

function isTold(value: unknown): value is Told {
  const { source, log, kind, atMs } = { ...(value as Partial<Told>) };
  return [source, log, kind].every((each) => typeof each === 'string') && typeof atMs === 'number';
}
