import { TlogError } from '../core/error.ts';
import type { Answer } from './bounded-fetch.ts';
import { retryAfterSec } from './problem.ts';

const STEP_MS = 100;
const STEP_MAX_MS = 10_000;
const RETRY_AFTER_MAX_MS = 60_000;

export interface RetryDeps {
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
}

export interface RetryLimits {
  /** Number of tries, the first one included; at least 1. */
  readonly triesMax: number;
  readonly signal?: AbortSignal;
}

/**
 * The first answer that is final: below 500 and not 429; after the last try whatever there is. `ask` must be safe to
 * repeat: a 5xx or a broken connection means unknown, not failed, so each try of a write carries the same
 * Idempotency-Key. Waits a random part of a doubling step, up to 10 s, and no less than Retry-After, up to 60 s.
 * @throws TlogError unreachable when the last try had no answer; any other error of `ask` at once
 */
export async function askWithRetries(
  deps: RetryDeps,
  ask: () => Promise<Answer>,
  { triesMax, signal }: RetryLimits,
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await attempt(ask);
    const isLast = tries >= triesMax;
    if (outcome instanceof TlogError) {
      if (isLast) throw outcome;
    } else if (isLast || isFinal(outcome)) return outcome;
    const step = Math.min(STEP_MAX_MS, STEP_MS * 2 ** (tries - 1));
    await deps.sleep(Math.max(deps.random() * step, retryAfterMs(outcome)), signal);
  }
}

async function attempt(ask: () => Promise<Answer>): Promise<Answer | TlogError> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TlogError && error.code === 'unreachable') return error;
    throw error;
  }
}

function isFinal({ status }: Answer): boolean {
  return status < 500 && status !== 429;
}

function retryAfterMs(outcome: Answer | TlogError): number {
  const seconds = outcome instanceof TlogError ? 0 : retryAfterSec(outcome);
  return Math.min(RETRY_AFTER_MAX_MS, seconds * 1_000);
}
