import { TlogError } from '../core/error.ts';
import type { Audit, NewEvent } from './create-audit.ts';

/** What an application says of a request; the outcome is that of the answer unless given. */
export type RequestEvent = Omit<NewEvent, 'outcome'> & Partial<Pick<NewEvent, 'outcome'>>;

/** How requests become events. */
export interface RequestAuditOptions<R> {
  readonly audit: Pick<Audit, 'audit'>;
  /** Who did what, when the answer is known; undefined for requests that are no events. */
  readonly describe: (request: R) => RequestEvent | undefined;
  /**
   * What becomes of a request whose event cannot be written. `fail`: its answer is replaced by 503, though what it asked for has been
   * done. `pass`: its answer goes out, and the event is lost.
   */
  readonly onFailedWrite: 'fail' | 'pass';
}

/** What is answered in place of an answer that may not go out. */
export const REFUSAL: { readonly status: 503; readonly type: string; readonly body: string } = {
  status: 503,
  type: 'application/problem+json',
  body: JSON.stringify({
    title: 'Service Unavailable',
    status: 503,
    detail: 'the audit event could not be written',
  }),
};

/**
 * Writes the event of a request before its answer goes out. False when it could not be written and the answer must not go out.
 * @throws TypeError, and TlogError invalid_event for an event that is none: what describes it is wrong
 */
export function isAnswerable<R>(
  { audit, describe, onFailedWrite }: RequestAuditOptions<R>,
  request: R,
  status: number,
): boolean {
  const event = describe(request);
  if (event === undefined) return true;
  try {
    audit.audit({ outcome: outcomeOf(status), ...event });
    return true;
  } catch (error) {
    const isWorld =
      error instanceof TlogError && (error.code === 'spool_full' || error.code === 'not_writable');
    if (isWorld) return onFailedWrite === 'pass';
    throw error;
  }
}

function outcomeOf(status: number): NewEvent['outcome'] {
  if (status < 400) return 'success';
  return status === 401 || status === 403 ? 'denied' : 'failure';
}
