import { TlogError } from '../core/error.ts';
import type { SignedLog } from '../sequencer/signed-log.ts';
import { endingError, endsLog, lookAtHeld } from './held-checkpoint.ts';
import { WitnessCalls } from './witness-calls.ts';
import type { AskedWitness } from './witness-policy.ts';
import type { WitnessingDeps } from './witnessing.ts';

/** A start waits no longer for witnesses. */
export const START_MS = 5_000;

/** Whom is asked, and how. */
export type AskDeps = Pick<
  WitnessingDeps,
  'policy' | 'clock' | 'fetch' | 'timeoutMs' | 'budget' | 'keepAlert' | 'onTrouble'
>;

/**
 * Asks all witnesses what they hold, before the log signs anything: for five seconds at most, and one that does not answer is told and is
 * no reason to wait.
 * @throws TlogError fork, witness_ahead where a witness shows what the log cannot have signed; the alert is kept then
 */
export async function askBeforeSigning(log: SignedLog, deps: AskDeps): Promise<void> {
  const asking = new AbortController();
  const done = new AbortController();
  // Only the way there has a deadline: what was shown is judged to the end.
  const deadline = deps.clock.sleep(START_MS, done.signal).then(() => {
    asking.abort(new TlogError('unreachable', `no answer within ${START_MS / 1_000} s`));
  });
  try {
    await Promise.all(deps.policy.witnesses.map((witness) => ask(log, witness, deps, asking.signal)));
  } finally {
    done.abort();
    await deadline;
  }
}

async function ask(log: SignedLog, witness: AskedWitness, deps: AskDeps, signal: AbortSignal): Promise<void> {
  const calls = new WitnessCalls(deps, witness.url);
  const found = await lookAtHeld({ log, witness, calls }, signal).catch((error: unknown) => {
    if (!(error instanceof TlogError) || error.code !== 'unreachable') throw error;
    deps.onTrouble(error, witness.name);
  });
  if (found === undefined) return;
  const file = await deps.keepAlert(found);
  if (endsLog(found)) throw endingError(found, file);
}
