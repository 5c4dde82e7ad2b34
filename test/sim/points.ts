/** Faults that wait for the next call that they can spoil. */
export const CALL_FAULTS = [
  // the database
  'open-error',
  'open-slow',
  'commit-error-absent',
  'commit-error-ghost',
  'commit-error-durable',
  'commit-slow',
  'commit-never-absent',
  'commit-never-durable',
  'commit-torn',
  'store-flip',
  'read-error',
  'read-flip',
  // the guard's disk
  'guard-write-error-absent',
  'guard-write-error-done',
  'guard-write-short',
  'guard-write-slow',
  'guard-write-never',
  'guard-create-error',
  'guard-read-error',
  'guard-list-error',
  'guard-stat-error',
  'guard-sync-error',
  'guard-unlink-error',
  // the signer and the memory
  'sign-error',
  'sign-slow',
  'sign-never',
  'sign-flip',
  'hash-flip',
  'entry-flip',
] as const;
/** Faults that wait for a read of many rows, for the hashing of the scrubber, or for a finding that is to be kept. */
export const SCRUB_FAULTS = ['scan-error', 'scan-flip', 'scrub-hash-flip', 'findings-write-error'] as const;
/** Faults of the files that a log of events has beside its database. */
export const EVENT_FAULTS = [
  'seeds-write-error',
  'seeds-write-short',
  'seeds-sync-error',
  'seeds-sync-slow',
  'seeds-sync-never',
  'raw-write-error',
] as const;
export type CallFault =
  | (typeof CALL_FAULTS)[number]
  | (typeof SCRUB_FAULTS)[number]
  | (typeof EVENT_FAULTS)[number];

/** What happens to a log at rest, while no process has it open. */
export const DAMAGES = [
  'rest-flip',
  'rest-hole',
  'rest-torn-tail',
  'rest-empty',
  'rest-no-current',
  'rest-old-copy',
  'rest-guard-flip',
  'rest-guard-gone',
] as const;
export type Damage = (typeof DAMAGES)[number];

/** What an operator, a rival or the world does. */
export const ACTIONS = [
  'kill',
  'power-cut',
  'stop',
  'pause',
  'rival-locked',
  'rival-lock-lost',
  'rival-copy',
  'rival-duel',
  'wrong-key',
  'clock-back',
  'clock-forward',
  'disk-full',
  'disk-low',
  'guard-full',
  'data-removed',
  'restore-without-seeds',
] as const;
export type Action = (typeof ACTIONS)[number];

/** What the clients do that could mislead a log. */
export const CLIENT_POINTS = [
  'client-retry',
  'client-retry-acked-late',
  'client-repeat',
  'client-key-reused',
  'client-other-token',
  'client-twin-key',
  'client-twin-leaf',
  'client-same-content',
  'client-batch',
  'client-same-id',
  'client-other-event',
  'client-id-conflict',
  'client-raw',
  'client-raw-file',
  'client-unavailable',
  'client-refused-busy',
  'client-refused-full',
  'client-refused-damaged',
] as const;
export type ClientPoint = (typeof CLIENT_POINTS)[number];

/** What a start meets that only some histories lead to. */
export const START_POINTS = [
  'start-signs-found',
  'start-clean',
  'start-background-check',
  'start-after-volatile-ghost',
  'crash-before-sync',
  'crash-before-guard',
] as const;
export type StartPoint = (typeof START_POINTS)[number];

/** What happens to a log that is scrubbed: rows that rot under a running process, and what becomes of it. */
export const SCRUB_POINTS = [
  'live-rot',
  'scrub-found',
  'scrub-pass',
  'scrub-resumed',
  'scrub-trouble',
] as const;
export type ScrubPoint = (typeof SCRUB_POINTS)[number];

export type Point = CallFault | Damage | Action | ClientPoint | StartPoint | ScrubPoint;
export const POINTS: readonly Point[] = [
  ...CALL_FAULTS,
  ...DAMAGES,
  ...ACTIONS,
  ...CLIENT_POINTS,
  ...START_POINTS,
  ...SCRUB_FAULTS,
  ...EVENT_FAULTS,
  ...SCRUB_POINTS,
];

/** Reached in logs of events alone, which are few. */
export const EVENT_POINTS: readonly Point[] = [
  ...EVENT_FAULTS,
  'restore-without-seeds',
  'client-same-id',
  'client-other-event',
  'client-id-conflict',
  'client-raw',
  'client-raw-file',
  'client-unavailable',
];
