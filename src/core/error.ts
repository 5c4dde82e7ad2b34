/**
 * What sort of failure a code is. http maps each kind to one status, the client decides by it whether a retry
 * can help, and only `verification` kinds may ever raise a fork alarm.
 */
export type ErrorKind =
  | 'input' // 400: the request is wrong and will stay wrong
  | 'unauthorized' // 401: no token, or one we do not know
  | 'forbidden' // 403: the token is known and not allowed to
  | 'absent' // 404: not there (yet)
  | 'method' // 405
  | 'timeout' // 408
  | 'conflict' // 409
  | 'gone' // 410
  | 'length' // 411
  | 'too_large' // 413
  | 'media_type' // 415
  | 'unprocessable' // 422
  | 'limited' // 429 with Retry-After
  | 'headers' // 431
  | 'busy' // 503 with Retry-After: try again soon
  | 'unavailable' // 503: not able to answer now, or the server is not reachable
  | 'full' // 507
  | 'verification' // a check failed: somebody lied, or bytes rotted
  | 'refused' // start refused: an operator has to look
  | 'fatal'; // own fault or unknown outcome: the process ends

/** Every code there is. Codes are API (spec/errors.md says what each means and what to do); messages are not. */
export const ERROR_CODES = {
  // malformed input
  malformed_number: { kind: 'input' },
  malformed_base64: { kind: 'input' },
  malformed_hex: { kind: 'input' },
  malformed_cbor: { kind: 'input' },
  malformed_key: { kind: 'input' },
  weak_key: { kind: 'input' },
  malformed_note: { kind: 'input' },
  malformed_checkpoint: { kind: 'input' },
  malformed_policy: { kind: 'input' },
  malformed_add_checkpoint: { kind: 'input' },
  malformed_proof: { kind: 'input' },
  malformed_evidence: { kind: 'input' },
  malformed_leaf: { kind: 'input' },
  malformed_disclosure: { kind: 'input' },
  malformed_import_map: { kind: 'input' },
  unmappable_record: { kind: 'input' },
  malformed_bundle: { kind: 'input' },
  malformed_tile_path: { kind: 'input' },
  malformed_answer: { kind: 'verification' },
  // verification
  bad_signature: { kind: 'verification' },
  unverified_note: { kind: 'verification' },
  wrong_origin: { kind: 'verification' },
  policy_not_met: { kind: 'verification' },
  proof_mismatch: { kind: 'verification' },
  entry_mismatch: { kind: 'verification' },
  rollback: { kind: 'verification' },
  fork: { kind: 'verification' },
  not_convicting: { kind: 'verification' },
  witness_size_above: { kind: 'verification' },
  // requests
  invalid_request: { kind: 'input' },
  invalid_parameter: { kind: 'input' },
  invalid_json: { kind: 'input' },
  invalid_idempotency_key: { kind: 'input' },
  invalid_event: { kind: 'input' },
  raw_mismatch: { kind: 'input' },
  empty_batch: { kind: 'input' },
  empty_line: { kind: 'input' },
  unauthorized: { kind: 'unauthorized' },
  forbidden: { kind: 'forbidden' },
  not_found: { kind: 'absent' },
  unknown_log: { kind: 'absent' },
  unknown_origin: { kind: 'absent' },
  untrusted_checkpoint: { kind: 'forbidden' },
  unproven_checkpoint: { kind: 'unprocessable' },
  old_size_above: { kind: 'input' },
  rate_limited: { kind: 'limited' },
  clock_behind: { kind: 'busy' },
  record_lost: { kind: 'unavailable' },
  unknown_leaf_hash: { kind: 'absent' },
  beyond_log_head: { kind: 'absent' },
  not_yet_published: { kind: 'absent' },
  not_yet_witnessed: { kind: 'absent' },
  no_checkpoint_for_size: { kind: 'absent' },
  leaf_hash_index_off: { kind: 'conflict' },
  no_witness_policy: { kind: 'conflict' },
  method_not_allowed: { kind: 'method' },
  request_timeout: { kind: 'timeout' },
  wrong_log_kind: { kind: 'conflict' },
  unknown_event: { kind: 'absent' },
  raw_absent: { kind: 'absent' },
  id_conflict: { kind: 'conflict' },
  payload_unavailable: { kind: 'gone' },
  entry_too_large: { kind: 'too_large' },
  event_too_large: { kind: 'too_large' },
  raw_too_large: { kind: 'too_large' },
  batch_too_large: { kind: 'too_large' },
  body_too_large: { kind: 'too_large' },
  headers_too_large: { kind: 'headers' },
  unsupported_media_type: { kind: 'media_type' },
  idempotency_key_reused: { kind: 'unprocessable' },
  queue_full: { kind: 'busy' },
  server_busy: { kind: 'busy' },
  log_closing: { kind: 'busy' },
  log_checking: { kind: 'busy' },
  log_damaged: { kind: 'busy' },
  storage_full: { kind: 'full' },
  spool_full: { kind: 'full' },
  unreachable: { kind: 'unavailable' },
  not_delivered: { kind: 'unavailable' },
  alert_given_up: { kind: 'unavailable' },
  address_refused: { kind: 'forbidden' },
  // start refused
  key_file_exposed: { kind: 'refused' },
  key_mismatch: { kind: 'refused' },
  key_missing: { kind: 'refused' },
  no_data: { kind: 'refused' },
  data_exists: { kind: 'refused' },
  schema_unsupported: { kind: 'refused' },
  guard_missing: { kind: 'refused' },
  guard_unreadable: { kind: 'refused' },
  guard_ahead: { kind: 'refused' },
  guard_conflict: { kind: 'refused' },
  witness_ahead: { kind: 'refused' },
  data_damaged: { kind: 'refused' },
  data_locked: { kind: 'refused' },
  spool_locked: { kind: 'refused' },
  not_writable: { kind: 'refused' },
  invalid_config: { kind: 'refused' },
  // the process ends
  storage_corrupt: { kind: 'fatal' },
  storage_unreadable: { kind: 'fatal' },
  commit_unknown: { kind: 'fatal' },
  data_lost: { kind: 'fatal' },
  guard_superseded: { kind: 'fatal' },
  guard_unknown: { kind: 'fatal' },
  self_check_failed: { kind: 'fatal' },
  internal: { kind: 'fatal' },
} as const;

/** One of the stable codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts for machines, such as the two sizes that disagree; `errors` says what is wrong with which member. */
export type ErrorDetails = Readonly<
  Record<
    string,
    | string
    | number
    | boolean
    | readonly string[]
    | readonly { readonly pointer: string; readonly detail: string }[]
  >
>;

/** What else an error can carry. */
export interface TlogErrorOptions {
  readonly cause?: unknown;
  readonly details?: ErrorDetails;
}

/** The world refused, lied or is not there. Our own bugs are TypeError or RangeError instead. */
export class TlogError extends Error {
  override readonly name = 'TlogError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: TlogErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The sort of failure, by which callers decide. */
  get kind(): ErrorKind {
    return ERROR_CODES[this.code].kind;
  }
}
