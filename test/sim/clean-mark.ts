import { isCleanStop } from '../../src/sequencer/recovery.ts';
import { unsealValue } from '../../src/store/checked-store.ts';
import { OPEN_KEY } from '../../src/store/rows.ts';
import { Violation } from './oracle.ts';
import { keyText } from './rows.ts';
import type { Server } from './server.ts';

/**
 * Of a process that has stopped: where a finding of damage is in no file, no mark of a clean stop may be there (SCRUB-6).
 * The next start would look at the end of the log alone, and sign over what was found.
 */
export function checkCleanMark({ name, disk, log }: Server): void {
  if (log === undefined || log.findings.length <= disk.findings.findings.length) return;
  const mark = disk.view().get(keyText(OPEN_KEY));
  if (mark !== undefined && isCleanStop(unsealValue(OPEN_KEY, mark), log.head.size))
    throw new Violation('SCRUB', `${name} stops as if in good order, and what it has found is in no file`);
}
