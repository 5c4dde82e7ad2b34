import { type Action, CALL_FAULTS, type CallFault, type Damage } from './points.ts';
import { Random } from './random.ts';

/** One thing that happens to a world, at a time of its own. `n` seeds whatever it has to choose. */
export type Op =
  | {
      readonly at: number;
      readonly n: number;
      readonly do: 'append';
      readonly content: Content;
      readonly key: KeyUse;
      readonly count: number;
    }
  | { readonly at: number; readonly n: number; readonly do: 'read' }
  | { readonly at: number; readonly n: number; readonly do: 'arm'; readonly fault: CallFault }
  | { readonly at: number; readonly n: number; readonly do: 'damage'; readonly damage: Damage }
  | { readonly at: number; readonly n: number; readonly do: 'act'; readonly action: Action }
  /** A row changes under the running process. */
  | { readonly at: number; readonly n: number; readonly do: 'rot' };

export type Content = 'unique' | 'pool' | 'twin';
export type KeyUse = 'none' | 'own' | 'repeat' | 'reused' | 'other-token' | 'twin';

/** All that a seed decides before its world begins. */
export interface Plan {
  readonly seed: number;
  readonly duplicates: 'key' | 'content' | 'off';
  readonly leafHashIndex: boolean;
  /** Entries that the log has before the first operation. */
  readonly base: number;
  /** Longest usual duration of a call, in milliseconds. */
  readonly callMs: number;
  readonly queue: { readonly entriesMax: number; readonly bytesMax: number; readonly ageMaxMs: number };
  readonly check: { readonly tailEntries: number; readonly beforeStartMax: number };
  /** From the start of one scrubbing pass to the next; absent: nothing is scrubbed. */
  readonly scrubMs?: number;
  /** A log of events. */
  readonly events?: true;
  readonly ops: readonly Op[];
}

const KINDS = { append: 160, read: 18, arm: 12, damage: 4, act: 11 };
const ACTION_WEIGHTS: Readonly<Record<Action, number>> = {
  kill: 20,
  'power-cut': 12,
  stop: 8,
  pause: 8,
  'rival-locked': 10,
  'rival-lock-lost': 8,
  'rival-copy': 12,
  'rival-duel': 8,
  'wrong-key': 3,
  'clock-back': 3,
  'clock-forward': 6,
  'disk-full': 4,
  'disk-low': 4,
  'guard-full': 3,
  'data-removed': 7,
  // Drawn apart, for logs of events.
  'restore-without-seeds': 0,
};
const DAMAGE_WEIGHTS: Readonly<Record<Damage, number>> = {
  'rest-flip': 3,
  'rest-hole': 8,
  'rest-torn-tail': 5,
  'rest-empty': 2,
  'rest-no-current': 2,
  'rest-old-copy': 3,
  'rest-guard-flip': 4,
  'rest-guard-gone': 3,
};
const BASES = [0, 0, 0, 3, 120, 200, 250, 254, 255, 256, 257, 509];
const BIG_BASE = 65_531;
const OPS = [200, 204] as const;

export function planOf(seed: number): Plan {
  const plan = planOfEntries(seed);
  return seed % 8 === 3 ? ofEvents(plan) : plan;
}

function planOfEntries(seed: number): Plan {
  const random = new Random(seed, 1);
  const duplicates = random.weighted({ key: 6, content: 3, off: 2 });
  const isBig = seed % 500 === 250;
  const gapMs = random.pick([1, 3, 10, 60]);
  const count = random.between(...OPS);
  const entriesMax = random.pick([8, 40, 4_000]);
  let at = 0;
  const ops: Op[] = [];
  for (let i = 0; i < count; i += 1) {
    at += random.below(2 * gapMs);
    ops.push(opAt(random, at, entriesMax));
  }
  return {
    seed,
    duplicates,
    leafHashIndex: duplicates === 'content' || (!isBig && random.chance(0.8)),
    base: isBig && duplicates !== 'content' ? BIG_BASE : random.pick(BASES),
    callMs: random.pick([0.5, 2, 6]),
    queue: { entriesMax, bytesMax: 64 * 1024 * 1024, ageMaxMs: random.pick([300, 2_000]) },
    check: random.pick([
      { tailEntries: 100_000, beforeStartMax: 1_000_000 },
      { tailEntries: 256, beforeStartMax: 300 },
    ]),
    ...scrubbed(seed, ops),
  };
}

const PERIODS_MS = [500, 2_000, 8_000];
const FAULTS_MAX = 5;
/** Most of a log's time its scrubber rests: what waits for it to hash often waits in vain. */
const SCRUB_WEIGHTS = { 'scan-error': 3, 'scan-flip': 1, 'scrub-hash-flip': 2 };

/**
 * Every second log is scrubbed, and rows of it rot. Drawn apart from all else, so that what else a seed decides
 * is what it was before there was scrubbing.
 */
function scrubbed(seed: number, ops: readonly Op[]): Pick<Plan, 'ops' | 'scrubMs'> {
  const random = new Random(seed, 4);
  if (random.chance(0.5)) return { ops };
  const more: Op[] = [];
  for (let i = random.between(2, FAULTS_MAX); i > 0; i -= 1) {
    const op = { at: random.below(ops.at(-1)?.at ?? 0), n: random.u32() };
    if (random.chance(0.5)) more.push({ ...op, do: 'rot' });
    else more.push({ ...op, do: 'arm', fault: random.weighted(SCRUB_WEIGHTS) });
  }
  return { ops: [...ops, ...more, ...unkept(seed, ops)], scrubMs: random.pick(PERIODS_MS) };
}

/** In every third log what is found first, if anything, cannot be kept in its file. Drawn apart, for the same reason. */
function unkept(seed: number, ops: readonly Op[]): Op[] {
  const random = new Random(seed, 8);
  if (!random.chance(0.33)) return [];
  return [
    { at: random.below(ops.at(-1)?.at ?? 0), n: random.u32(), do: 'arm', fault: 'findings-write-error' },
  ];
}

const EVENT_WEIGHTS = {
  'seeds-write-error': 2,
  'seeds-write-short': 2,
  'seeds-sync-error': 3,
  'seeds-sync-slow': 2,
  'seeds-sync-never': 2,
  'raw-write-error': 4,
};
const EVENT_FAULTS_MAX = 11;
/** Fewer than of entries: each costs ten times as much to make and to read. */
const EVENT_BASES = [0, 0, 3, 120, 254];

/** Every eighth log is one of events: with faults of their files, and restored without seeds now and then. */
function ofEvents(plan: Plan): Plan {
  const random = new Random(plan.seed, 5);
  const more: Op[] = [];
  for (let i = random.between(7, EVENT_FAULTS_MAX); i > 0; i -= 1) {
    const op = { at: random.below(plan.ops.at(-1)?.at ?? 0), n: random.u32() };
    if (random.chance(0.2)) more.push({ ...op, do: 'act', action: 'restore-without-seeds' });
    else more.push({ ...op, do: 'arm', fault: random.weighted(EVENT_WEIGHTS) });
  }
  const base = random.pick(EVENT_BASES);
  return { ...plan, base, duplicates: 'key', events: true, ops: [...plan.ops, ...more] };
}

function opAt(random: Random, at: number, entriesMax: number): Op {
  const kind = random.weighted(KINDS);
  const n = random.u32();
  if (kind === 'append') return { at, n, do: kind, ...appendOf(random, entriesMax) };
  if (kind === 'arm') return { at, n, do: kind, fault: random.pick(CALL_FAULTS) };
  if (kind === 'damage') return { at, n, do: kind, damage: random.weighted(DAMAGE_WEIGHTS) };
  if (kind === 'act') return { at, n, do: kind, action: random.weighted(ACTION_WEIGHTS) };
  return { at, n, do: kind };
}

function appendOf(random: Random, entriesMax: number): { content: Content; key: KeyUse; count: number } {
  return {
    content: random.weighted({ unique: 8, pool: 3, twin: 1 }),
    key: random.weighted({ none: 4, own: 8, repeat: 2, reused: 1, 'other-token': 2, twin: 1 }),
    count: Math.min(entriesMax, Number(random.weighted({ '1': 14, '2': 2, '7': 2, '70': 0.25, '300': 0.1 }))),
  };
}
