import type { PolicyCheckpoint } from '../core/note/policy-checkpoint.ts';
import type { MonitorRecord } from './log-state.ts';
import type { Observation } from './observation.ts';

/** A clock of a witness may be ahead of ours by so much. */
const SKEW_SEC = 60;

/**
 * POSIX seconds that a new head is kept with: of the cosignature that completes the quorum, else of now. Never later than now: a time
 * from the future would keep a head fresh until then.
 */
export function timeOfHead(freshnessSec: number | undefined, nowSec: number): number {
  return Math.min(freshnessSec ?? nowSec, nowSec);
}

/** Cosignatures from the future. */
export function clockSkew(published: PolicyCheckpoint | undefined, nowSec: number): Observation[] {
  return (published?.cosigned ?? [])
    .filter(({ timeSec }) => timeSec > nowSec + SKEW_SEC)
    .map(({ witness, timeSec }) => ({
      kind: 'clock_skew',
      message: `the cosignature of ${witness} is of ${timeSec - nowSec} s in the future`,
      cause: `witness ${witness}`,
    }));
}

/** Whether the verified head is too old, or of a time that this clock has not reached yet: it was set back. */
export function staleness(
  record: MonitorRecord | undefined,
  staleSec: number | undefined,
  nowSec: number,
): Observation[] {
  if (record === undefined || staleSec === undefined) return [];
  const ageSec = nowSec - record.timeSec;
  const sizes = [record.size];
  if (ageSec < -SKEW_SEC) {
    const message = `the head of size ${record.size} is of ${-ageSec} s in the future: was this clock set back?`;
    return [{ kind: 'clock_skew', message, sizes, cause: 'own clock' }];
  }
  if (ageSec <= staleSec) return [];
  const message = `the head of size ${record.size} is from ${ageSec} s ago; at most ${staleSec} s are expected`;
  return [{ kind: 'stale_head', message, sizes, cause: 'too old' }];
}
