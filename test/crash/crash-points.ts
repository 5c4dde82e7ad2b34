import { Hono } from 'hono';
import type { NoteSigner } from '../../src/core/note/verifier.ts';
import type { EventKeeping } from '../../src/events/event-files.ts';
import type { StartDeps } from '../../src/sequencer/start-log.ts';
import type { Guard } from '../../src/store/guard.ts';
import type { Store } from '../../src/store/store.ts';

/** Where a process can be told to die, in the order of a start, a commit and a stop. */
export const CRASH_POINTS = [
  'before-open',
  'before-take-over',
  'after-take-over',
  'before-accept',
  'after-accept',
  'before-commit',
  'in-commit',
  'after-commit',
  'after-read-back',
  'before-sign',
  'after-sign',
  'before-raise',
  'in-raise',
  'after-raise',
  'before-answer',
  'before-close',
] as const;

/** Those that only a commit of events has; what they are around comes before the rest of the commit. */
export const EVENT_CRASH_POINTS = [
  'before-seeds',
  'in-seeds',
  'after-seeds',
  'before-raw-file',
  'in-raw-file',
  'after-raw-file',
] as const;

/** Those of a monitor that has found something: its file is written in a report, and the alert is queued in `tell`. */
export const REPORT_CRASH_POINTS = [
  'before-report',
  'in-report',
  'after-report',
  'before-tell',
  'in-tell',
  'after-tell',
] as const;

/** In each turn of the event loop in which a monitor takes a guard over, or makes one first. */
export const GUARD_CRASH_POINTS = ['in-take-over'] as const;

export type CrashPoint =
  | (typeof GUARD_CRASH_POINTS)[number]
  | (typeof CRASH_POINTS)[number]
  | (typeof EVENT_CRASH_POINTS)[number]
  | (typeof REPORT_CRASH_POINTS)[number];

/** Dies at a point when it comes by for the n-th time, counted from 0. */
export interface CrashPlan {
  readonly point: CrashPoint;
  readonly count: number;
}

/** Called wherever a point is; does not come back from the planned one. */
export type Pass = (point: CrashPoint) => void;

/** The process is gone before the next statement: nothing is flushed, no handler runs. */
export function passer(plan: CrashPlan): Pass {
  let left = plan.count;
  return (point) => {
    if (point !== plan.point) return;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
  };
}

/** The same parts, with a point before and after each step that they take. */
export function withCrashPoints(deps: StartDeps, pass: Pass): StartDeps {
  return {
    ...deps,
    signer: pointsInSigner(deps.signer, pass),
    openStore: async () => {
      pass('before-open');
      return pointsInStore(await deps.openStore(), pass);
    },
    openEvents: async (size) => {
      if (deps.openEvents === undefined) throw new TypeError('a log without a place for secrets');
      return pointsInEvents(await deps.openEvents(size), pass);
    },
    takeOverGuard: async () => {
      pass('before-take-over');
      const guard = await deps.takeOverGuard();
      pass('after-take-over');
      return pointsInGuard(guard, pass);
    },
  };
}

/** Seeds and files of verbatim bytes, with points around what is made durable before the commit. */
function pointsInEvents(keeping: EventKeeping, pass: Pass): EventKeeping {
  const { seeds, blobs } = keeping;
  const around = async (what: 'seeds' | 'raw-file', act: () => Promise<void>): Promise<void> => {
    pass(`before-${what}`);
    const acting = act();
    setImmediate(() => pass(`in-${what}`));
    await acting;
    pass(`after-${what}`);
  };
  return {
    ...keeping,
    seeds: {
      has: (index) => seeds.has(index),
      ensure: (end) => around('seeds', () => seeds.ensure(end)),
      read: (start, end) => seeds.read(start, end),
      close: () => seeds.close(),
    },
    blobs: {
      write: (name, bytes) => around('raw-file', () => blobs.write(name, bytes)),
      read: (name) => blobs.read(name),
      keepOnly: (names) => blobs.keepOnly(names),
    },
  };
}

function pointsInSigner(signer: NoteSigner, pass: Pass): NoteSigner {
  const sign: NoteSigner['sign'] = async (text) => {
    pass('before-sign');
    const signature = await signer.sign(text);
    pass('after-sign');
    return signature;
  };
  return { ...signer, sign };
}

/** A store with points around each commit. */
export function pointsInStore(store: Store, pass: Pass): Store {
  let written = false;
  return {
    get: (key) => store.get(key),
    getMany: async (keys) => {
      const values = await store.getMany(keys);
      if (written) pass('after-read-back');
      written = false;
      return values;
    },
    commit: async (batch) => {
      pass('before-commit');
      const committing = store.commit(batch);
      setImmediate(() => pass('in-commit'));
      const outcome = await committing;
      written = true;
      pass('after-commit');
      return outcome;
    },
    iterate: (range) => store.iterate(range),
    inPlace: () => store.inPlace(),
    accept: async () => {
      pass('before-accept');
      await store.accept();
      pass('after-accept');
    },
    close: () => {
      pass('before-close');
      return store.close();
    },
  };
}

/** A guard with points around each raise. */
export function pointsInGuard(guard: Guard, pass: Pass): Guard {
  return {
    get mark() {
      return guard.mark;
    },
    raise: async (mark) => {
      pass('before-raise');
      const raising = guard.raise(mark);
      setImmediate(() => pass('in-raise'));
      const outcome = await raising;
      pass('after-raise');
      return outcome;
    },
    close: () => guard.close(),
  };
}

/** The pass that dies at `POINT:COUNT`. */
export function passAt(at: string): Pass {
  const [name, count] = at.split(':');
  const points = [...CRASH_POINTS, ...EVENT_CRASH_POINTS, ...REPORT_CRASH_POINTS, ...GUARD_CRASH_POINTS];
  const point = points.find((one) => one === name);
  if (point === undefined || !Number.isSafeInteger(Number(count)))
    throw new TypeError(`no crash point ${at}`);
  return passer({ point, count: Number(count) });
}

/** The head is readable and the answer is made, but the client never gets it. */
export function withAnswerPoint(app: Hono, pass: Pass): Hono {
  const outer = new Hono();
  outer.use(async (c, next) => {
    await next();
    if (c.req.method === 'POST') pass('before-answer');
  });
  return outer.route('/', app);
}
