import { createHash } from 'node:crypto';

/** How soon a person has to look: `critical` now, `warning` within the day. */
export type AlertSeverity = 'critical' | 'warning' | 'info';

/** What holds for all alerts of a kind. */
export interface KindFacts {
  readonly severity: AlertSeverity;
  /** What whoever reads it shall do. */
  readonly next: string;
}

/** What an alert can be of. Spec ALERT-2. */
export type AlertKind =
  | 'fork'
  | 'suspicion'
  | 'rollback'
  | 'bad_signature'
  | 'bad_tile'
  | 'bad_entry'
  | 'bad_event'
  | 'bad_witness'
  | 'no_proof'
  | 'unreachable'
  | 'stale_head'
  | 'missing_witnesses'
  | 'clock_skew'
  | 'refused'
  | 'witness_in_doubt'
  | 'damage'
  | 'test';

/** Every kind of alert, with what to do about it. */
export const ALERT_KINDS: Readonly<Record<AlertKind, KindFacts>> = {
  fork: {
    severity: 'critical',
    next: 'Check the evidence file with stele verify, publish it, and accept no head of this log until its operator has explained it.',
  },
  suspicion: {
    severity: 'critical',
    next: 'Keep the notes. Ask the operator of the log for a consistency proof between them; nobody is convicted yet.',
  },
  rollback: {
    severity: 'critical',
    next: 'Keep both notes. Ask the operator of the log whether it was restored from a backup, or who serves old answers.',
  },
  bad_signature: {
    severity: 'critical',
    next: 'Trust nothing that this address serves. Check the address and the key; if both are right, tell the operator of the log.',
  },
  bad_tile: {
    severity: 'critical',
    next: 'The stored tree of the log is not the one that it signed. Tell its operator to run stele fsck; entries of this tile cannot be proved.',
  },
  bad_entry: {
    severity: 'critical',
    next: 'The log serves an entry that it did not sign. Tell its operator to run stele fsck, and restore the entry from a mirror.',
  },
  bad_event: {
    severity: 'critical',
    next: 'The log has signed what no log of events may hold. Ask its operator about the clock and software of the server; received times mean little there.',
  },
  bad_witness: {
    severity: 'critical',
    next: 'Check the evidence file with stele verify, publish it, and take the witness out of every policy.',
  },
  no_proof: {
    severity: 'warning',
    next: 'The log has not shown that its head extends the one before. If it stays so, treat the log as forked and ask its operator.',
  },
  unreachable: {
    severity: 'warning',
    next: 'Look at the network and at the server of the log. Nothing can be said of its tree meanwhile.',
  },
  stale_head: {
    severity: 'warning',
    next: 'The log may be frozen, or you may be shown an old head. Compare with another monitor, and ask the operator of the log.',
  },
  missing_witnesses: {
    severity: 'warning',
    next: 'Accept no head without its quorum. Look at GET /log of the log: it names the witnesses that lag.',
  },
  clock_skew: {
    severity: 'warning',
    next: 'Set the clock of this machine right; if it is right, tell the witness that its cosignatures come from the future.',
  },
  refused: {
    severity: 'critical',
    next: 'Restore database and guard together from the newest copy. Nothing is taken from this log until then.',
  },
  witness_in_doubt: {
    severity: 'critical',
    next: 'Ask the operator of the witness what it holds for this log, and whether it was restored from a backup. Count on no cosignature of it until that is explained.',
  },
  damage: {
    severity: 'critical',
    next: 'Stop the server, keep a copy of data and guard, run stele repair --from a mirror or backup, then start it again.',
  },
  test: { severity: 'info', next: 'Nothing: somebody tried whether alerts arrive.' },
};

/** What a person has to look at. Hashes are base64. */
export interface Alert {
  readonly kind: AlertKind;
  /** Who says so: `monitor`, `witness` or `server`. */
  readonly source: string;
  /** Origin of the log, or its name on the own server. Alerts of one log arrive in order. */
  readonly log: string;
  readonly message: string;
  /** Tree sizes that this is about. */
  readonly sizes?: readonly number[];
  /** Index of an entry, tile or bundle; the message says which. */
  readonly index?: number;
  readonly expectedHash?: string;
  readonly actualHash?: string;
  /**
   * What is behind it, in a few words that stay the same while it lasts, such as an error code or a key: for alerts whose sizes and
   * hashes do not tell one cause from another, or change while the cause is the same.
   */
  readonly cause?: string;
  /** Path of the file that convicts (spec/evidence.md), or holds the notes. */
  readonly evidenceFile?: string;
}

/** An alert as sinks get it. */
export interface RaisedAlert extends Alert {
  /** The same for what is the same: 32 hex digits. */
  readonly id: string;
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly severity: AlertSeverity;
  readonly next: string;
  /** ISO 8601 in UTC: what was told at `at` is over since. Only for sinks that ask for it. */
  readonly endedAt?: string;
}

/** Name of an alert, by what it is about and its cause: two that differ in words or time alone are one. */
export function alertId({ kind, source, log, cause, ...facts }: Alert): string {
  const { sizes = [], index = null, expectedHash = null, actualHash = null } = facts;
  const told = cause ?? [sizes, index, expectedHash, actualHash];
  return createHash('sha256')
    .update(JSON.stringify([kind, source, log, told]))
    .digest('hex')
    .slice(0, 32);
}

/** The alert with its name, time, and what to do. */
export function raisedAlert(alert: Alert, nowMs: number): RaisedAlert {
  const { severity, next } = ALERT_KINDS[alert.kind];
  return { ...alert, id: alertId(alert), at: new Date(nowMs).toISOString(), severity, next };
}

/** Name of one telling: the same each time a sink is tried, another when the alert is told again, which nobody may drop as a repetition. */
export function tellingId({ id, at }: RaisedAlert): string {
  return `${id}-${Date.parse(at)}`;
}

/** That what was told is over. Its words are those of the end: what it was about was told before. */
export function endedAlert(
  told: Pick<RaisedAlert, 'id' | 'kind' | 'source' | 'log'> & { readonly atMs: number },
  nowMs: number,
): RaisedAlert {
  const { id, kind, source, log, atMs } = told;
  return {
    ...{ id, kind, source, log, severity: ALERT_KINDS[kind].severity },
    ...{ message: 'what was told is over', next: 'Nothing: it is told anew when it comes back.' },
    ...{ at: new Date(atMs).toISOString(), endedAt: new Date(nowMs).toISOString() },
  };
}

/** One line: who, what, which log. */
export function alertTitle({ severity, kind, log }: RaisedAlert): string {
  return oneLine(`[stele ${severity}] ${kind.replaceAll('_', ' ')}: ${log}`);
}

/** All of it for a person, a fact a line. */
export function alertText(alert: RaisedAlert): string {
  const { message, sizes, index, expectedHash, actualHash, evidenceFile, next, source, at, id } = alert;
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ['Tree sizes', sizes?.join(', ')],
    ['Index', index],
    ['Expected hash', expectedHash],
    ['Actual hash', actualHash],
    ['Evidence file', evidenceFile],
    ['What to do', next],
    ['Raised by', `the ${source} at ${at}, as ${id}`],
  ];
  const lines = facts.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`);
  return [message, ...lines].map((line) => `${oneLine(line)}\n`).join('');
}

/** Words of a log must not pass for a line of ours. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}
