import type { RaisedAlert } from './alert.ts';
import type { StoredAlert } from './outbox-folder.ts';

/** Refused so often, an alert no longer keeps those behind it from being tried: it may be this one alone that the sink does not like. */
export const HOLDING_TRIES = 5;

/** An alert that one sink has not taken yet, and how it went. */
export interface Waiting extends StoredAlert {
  /** In this process. */
  tries: number;
  /** On the monotonic clock. */
  dueMs: number;
  /** Those behind it need not wait for it. */
  isOverdue: boolean;
  /** What the sink had taken, in this process, when it refused it last. */
  takenBefore: number;
  /** Often refused, and again since the sink has taken others: it is this one that it does not like. It has its own pace. */
  isDisliked: boolean;
}

/** The end of an alert is not. */
export function isCritical({ severity, endedAt }: RaisedAlert): boolean {
  return severity === 'critical' && endedAt === undefined;
}

/** One that was never tried. */
export function fresh(stored: StoredAlert): Waiting {
  return { ...stored, tries: 0, dueMs: 0, isOverdue: false, takenBefore: 0, isDisliked: false };
}
