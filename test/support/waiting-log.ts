import { systemClock } from '../../src/runtime/clock.ts';
import { logOnFiles } from '../../src/sequencer/open-log.ts';
import type { RunningLog } from '../../src/sequencer/running-log.ts';
import { startLog } from '../../src/sequencer/start-log.ts';
import type { Guard } from '../../src/store/guard.ts';
import { latch } from './latch.ts';
import { replacing } from './replaced-calls.ts';
import { newDataDirectory } from './test-log.ts';

/** A log whose next raise of the guard waits. */
export async function waitingLog(): Promise<{ log: RunningLog; raising: Promise<void>; go: () => void }> {
  const from = await logOnFiles({ dir: await newDataDirectory(), clock: systemClock }, 'main');
  const [raising, going] = [latch(), latch()];
  const waiting = (guard: Guard): Guard =>
    replacing(guard, {
      raise: async (mark) => {
        raising.open();
        await going.opened;
        return guard.raise(mark);
      },
    });
  const log = await startLog({ ...from, takeOverGuard: async () => waiting(await from.takeOverGuard()) });
  return { log, raising: raising.opened, go: going.open };
}
