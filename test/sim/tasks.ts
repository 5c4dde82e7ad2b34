import { idempotencyOf } from '../../src/http/idempotency.ts';
import type { Task } from './client.ts';
import { eventsOf, probeText } from './event-tasks.ts';
import { leafHash, twinEntry } from './hasher.ts';
import type { Op, Plan } from './plan.ts';
import type { ClientPoint } from './points.ts';
import { Random } from './random.ts';

/** How a server knows a retry. */
export type KeyDigest = typeof idempotencyOf;

type AppendOp = Extract<Op, { do: 'append' }>;
type Shape = Pick<Task, 'entries' | 'isUnique' | 'isStubborn'> & Partial<Pick<Task, 'texts'>>;

/** Bytes that crafted idempotency digests share. */
const TWIN_KEY_BYTES = 16;
const POOL = 9;

/** Makes what clients send: new entries, equal ones, retries, reused keys. */
export class TaskMaker {
  readonly all: Task[] = [];
  readonly #plan: Plan;
  readonly #keyDigest: KeyDigest;
  /** Digests of the contents sent under each key. */
  readonly #contents = new Map<string, Set<string>>();
  readonly #keyed: { token: string; key: string; task: Task }[] = [];

  constructor(plan: Plan, keyDigest: KeyDigest = idempotencyOf) {
    this.#plan = plan;
    this.#keyDigest = keyDigest;
  }

  make(op: AppendOp): { task: Task; points: ClientPoint[] } {
    const random = new Random(op.n);
    const id = this.all.length;
    if (this.#plan.events === true) return this.#makeEvents(op, random, id);
    const token = `token ${random.below(3)}`;
    const points: ClientPoint[] = [];
    if (op.count > 1) points.push('client-batch');
    if (op.content === 'twin') points.push('client-twin-leaf');
    if (op.content === 'pool') points.push('client-same-content');
    const entries = Array.from({ length: op.count }, (_, i) => entryOf(op, random, `${id}.${i}`));
    const isStubborn = random.chance(0.3);
    const shape = { entries, isUnique: op.content !== 'pool', isStubborn };
    if (this.#plan.duplicates !== 'key' || op.key === 'none') return { task: this.#add(shape), points };
    const earlier = this.#keyed.length === 0 ? undefined : random.pick(this.#keyed);
    if (op.key === 'own' || op.key === 'twin' || earlier === undefined) {
      if (op.key === 'twin') points.push('client-twin-key');
      return { task: this.#addKeyed(shape, token, `key ${id}`, op.key === 'twin'), points };
    }
    if (op.key === 'repeat') {
      points.push('client-repeat');
      const { entries: same, isUnique } = earlier.task;
      return {
        task: this.#addKeyed({ ...shape, entries: same, isUnique }, earlier.token, earlier.key),
        points,
      };
    }
    if (op.key === 'reused') {
      points.push('client-key-reused');
      return { task: this.#addKeyed(shape, earlier.token, earlier.key), points };
    }
    points.push('client-other-token');
    return { task: this.#addKeyed(shape, `other ${id}`, earlier.key), points };
  }

  #makeEvents(op: AppendOp, random: Random, id: number): { task: Task; points: ClientPoint[] } {
    const { texts, points } = eventsOf(op, random, id);
    if (texts.length > 1) points.push('client-batch');
    const isStubborn = random.chance(0.3);
    const shape = { entries: [], texts, isUnique: true, isStubborn };
    const token = `token ${random.below(3)}`;
    const earlier = this.#keyed.length === 0 ? undefined : random.pick(this.#keyed);
    if (op.key === 'none') return { task: this.#add(shape), points };
    if (op.key === 'own' || op.key === 'twin' || earlier === undefined)
      return { task: this.#addKeyed(shape, token, `key ${id}`), points };
    if (op.key === 'repeat') {
      points.push('client-repeat');
      return {
        task: this.#addKeyed({ ...shape, texts: earlier.task.texts }, earlier.token, earlier.key),
        points,
      };
    }
    points.push(op.key === 'reused' ? 'client-key-reused' : 'client-other-token');
    const of = op.key === 'reused' ? earlier.token : `other ${id}`;
    return { task: this.#addKeyed(shape, of, earlier.key), points };
  }

  /** A last request, sent when all faults are over. */
  probe(): Task {
    const name = `probe ${this.#plan.seed}`;
    const shape = { isUnique: true, isStubborn: true };
    if (this.#plan.events === true) return this.#add({ ...shape, entries: [], texts: [probeText(name)] });
    return this.#add({ ...shape, entries: [Buffer.from(name)] });
  }

  /** Whether different contents were sent under the task's key. */
  isKeyReused(task: Task): boolean {
    return (this.#contents.get(task.keyName)?.size ?? 0) > 1;
  }

  #addKeyed(shape: Shape, token: string, key: string, isTwin = false): Task {
    const made = this.#keyDigest(token, key, [
      ...shape.entries,
      ...(shape.texts ?? []).map((text) => Buffer.from(text)),
    ]);
    const idempotency = isTwin ? { ...made, key: twinKey(made.key) } : made;
    const keyName = `${token}\0${key}`;
    const contents = this.#contents.get(keyName) ?? new Set();
    this.#contents.set(keyName, contents.add(Buffer.from(made.contentHash).toString('hex')));
    const task = this.#add(shape, { key: idempotency, keyName });
    if (!isTwin) this.#keyed.push({ token, key, task });
    return task;
  }

  #add(shape: Shape, keyed: { key: Task['key']; keyName: string } = { key: undefined, keyName: '' }): Task {
    const keyDigest = keyed.key === undefined ? '' : Buffer.from(keyed.key.key).toString('hex');
    const leafHashes = shape.entries.map((entry) => Buffer.from(leafHash(entry)));
    const task: Task = {
      id: this.all.length,
      texts: [],
      ...shape,
      retryKey: keyed.key?.key,
      leafHashes,
      ...keyed,
      keyDigest,
      mayBeAdded: 0,
      state: 'open',
    };
    this.all.push(task);
    return task;
  }
}

function entryOf(op: AppendOp, random: Random, name: string): Uint8Array {
  if (op.content === 'pool') return Buffer.from(`pool ${random.below(POOL)}`);
  if (op.content === 'twin') return twinEntry(name);
  return Buffer.from(`entry ${name} ${'x'.repeat(random.chance(0.03) ? 3_000 : random.below(40))}`);
}

function twinKey(key: Uint8Array): Uint8Array {
  return Uint8Array.from(key).fill(3, 0, TWIN_KEY_BYTES);
}
