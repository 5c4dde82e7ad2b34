import type { LogStatus } from './log.ts';
import type { RunningLogParts } from './running-log.ts';

type Observed = Pick<RunningLogParts, 'sequencer' | 'clock' | 'reserve' | 'damage'>;

/** What a log is doing. @param isChecking while entries are re-hashed after an unclean stop */
export function statusOf(observed: Observed, isChecking: boolean): LogStatus {
  const { sequencer, clock, reserve } = observed;
  const { queue } = sequencer;
  const queueAgeMs = queue.oldestAtMs === undefined ? 0 : clock.monotonicMs() - queue.oldestAtMs;
  const reason = reasonToWait(observed, isChecking);
  return {
    acceptsEntries: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    queuedEntries: queue.entries,
    queuedBytes: queue.bytes,
    queueAgeMs,
    headSignedAtMs: sequencer.tree.signedAtMs,
    ...(reserve === undefined ? {} : { freeBytes: reserve.freeBytes, reserveBytes: reserve.bytes }),
  };
}

function reasonToWait({ sequencer, damage, reserve }: Observed, isChecking: boolean): LogStatus['reason'] {
  if (sequencer.closing) return 'log_closing';
  if (damage.isOpen) return 'log_damaged';
  if (isChecking) return 'log_checking';
  return reserve?.hasRoom(0) === false ? 'storage_full' : undefined;
}
