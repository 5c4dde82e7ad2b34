import { type ErrorCode, TlogError } from '../../src/core/error.ts';
import type { AppendRequest, AppendResult } from '../../src/sequencer/log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { requestOf } from './event-tasks.ts';
import { Violation } from './oracle.ts';
import type { Server } from './server.ts';

/** Something that a client wants in the log, until it is there. */
export interface Task {
  readonly id: number;
  readonly entries: readonly Uint8Array[];
  /** In a log of events: what is sent, JSON texts. Then there are no entries. */
  readonly texts: readonly string[];
  readonly retryKey: Uint8Array | undefined;
  readonly leafHashes: readonly Buffer[];
  /** Made by the server of token and key, as it would be for a request. */
  readonly key: NonNullable<AppendRequest['idempotency']> | undefined;
  /** Token and key, as the client knows them. */
  readonly keyName: string;
  readonly keyDigest: string;
  /** Nobody else ever sends these bytes. */
  readonly isUnique: boolean;
  /** Sends again, key or not, until an answer comes. */
  readonly isStubborn: boolean;
  /** Sends that may have added something. */
  mayBeAdded: number;
  state: 'open' | 'acked' | 'refused' | 'given up';
}

/** What clients use of their world. */
export interface ClientWorld {
  /** Whether sending the same again adds nothing. */
  isSafeToRepeat(task: Task): boolean;
  /** A server that takes requests now. */
  pickServer(): Server | undefined;
  later(minMs: number, maxMs: number, run: () => void): void;
  hit(point: 'client-retry' | 'client-retry-acked-late' | RefusedPoint): void;
  /** A server says that its data are damaged. */
  onDamaged(server: Server): void;
  flipsEntry(server: Server): boolean;
  /** Runs a check; a violation ends the world. */
  check(run: () => void): void;
  onAck(server: Server, task: Task, result: AppendResult): void;
  onConflict(server: Server, task: Task, details: TlogError['details']): void;
  /** Whether two different contents were sent under the task's key. */
  isKeyReused(task: Task): boolean;
  note(line: string): void;
}

const PATIENCE_MS = 300;
type RefusedPoint = 'client-refused-busy' | 'client-refused-full' | 'client-refused-damaged';
const REFUSED_POINT: Readonly<Partial<Record<ErrorCode, RefusedPoint>>> = {
  storage_full: 'client-refused-full',
  log_damaged: 'client-refused-damaged',
};
const UNCHANGED: readonly ErrorCode[] = [
  'queue_full',
  'log_closing',
  'log_checking',
  'storage_full',
  'log_damaged',
];

/** Sends a task, and again as long as it is worth it. */
export function send(world: ClientWorld, task: Task): void {
  if (task.state !== 'open') return;
  const server = world.pickServer();
  if (server?.log === undefined) {
    world.later(20, 200, () => send(world, task));
    return;
  }
  let isAnswered = false;
  task.mayBeAdded += 1;
  const { events } = server.log;
  const answer =
    events === undefined
      ? sendEntries(world, server, server.log, task)
      : events.append(requestOf(task.texts, task.retryKey, events));
  answer.then(
    (result) => {
      if (!server.process.alive) return;
      if (isAnswered) world.hit('client-retry-acked-late');
      isAnswered = true;
      world.check(() => accept(world, server, task, result));
    },
    (error: unknown) => {
      if (!server.process.alive) return;
      if (isAnswered) return;
      isAnswered = true;
      world.check(() => refuse(world, server, task, error));
    },
  );
  world.later(PATIENCE_MS, PATIENCE_MS, () => {
    if (isAnswered) return;
    isAnswered = true;
    sendAgain(world, task);
  });
}

function sendEntries(world: ClientWorld, server: Server, log: RunningLog, task: Task): Promise<AppendResult> {
  const copies = task.entries.map((entry) => Uint8Array.from(entry));
  const answer = log.append({
    entries: copies,
    ...(task.key === undefined ? {} : { idempotency: task.key }),
  });
  // The memory changes after the request came in.
  if (world.flipsEntry(server)) for (const copy of copies) copy[0] = (copy[0] ?? 0) ^ 16;
  return answer;
}

function accept(world: ClientWorld, server: Server, task: Task, result: AppendResult): void {
  world.note(`task ${task.id} at ${result.indexes[0]} of ${result.head.size}`);
  world.onAck(server, task, result);
  if (task.state === 'open') task.state = 'acked';
}

function refuse(world: ClientWorld, server: Server, task: Task, error: unknown): void {
  if (!(error instanceof TlogError)) throw new Violation('errors', `a client is told ${String(error)}`);
  world.note(`task ${task.id} refused ${error.code}`);
  if (error.code === 'idempotency_key_reused') {
    if (!world.isKeyReused(task)) throw new Violation('S14', 'a key is called reused that is not');
    task.mayBeAdded -= 1;
    if (task.state === 'open') task.state = 'refused';
  } else if (error.code === 'id_conflict') {
    world.onConflict(server, task, error.details);
    task.mayBeAdded -= 1;
    if (task.state === 'open') task.state = 'refused';
  } else if (UNCHANGED.includes(error.code)) {
    task.mayBeAdded -= 1;
    world.hit(REFUSED_POINT[error.code] ?? 'client-refused-busy');
    if (error.code === 'log_damaged') world.onDamaged(server);
    world.later(50, 400, () => send(world, task));
  } else if (error.code === 'commit_unknown') sendAgain(world, task);
  else throw new Violation('errors', `a client is told ${error.code}`);
}

/** After silence or a 5xx the outcome is unknown: sending again is right only where that adds nothing twice. */
function sendAgain(world: ClientWorld, task: Task): void {
  if (task.state !== 'open') return;
  if (world.isSafeToRepeat(task) || task.isStubborn) {
    world.hit('client-retry');
    world.later(10, 300, () => send(world, task));
  } else task.state = 'given up';
}
