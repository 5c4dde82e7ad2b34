import { join } from 'node:path';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { createDataDirectory, createLog, type NewLog } from '../../src/sequencer/create-log.ts';
import type { DataDirectory } from '../../src/sequencer/data-directory.ts';
import { tempFolder } from './temp-folder.ts';

/** A data directory with one new log `main`, gone when the test is over. */
export async function newDataDirectory(log: Partial<NewLog> = {}): Promise<DataDirectory> {
  const folder = await tempFolder();
  const dir = { dataPath: join(folder, 'data'), guardPath: join(folder, 'data.guard') };
  await createDataDirectory(dir);
  const main: NewLog = { name: 'main', kind: 'entries', origin: 'log.example/main', ...log };
  await createLog({ dir, clock: systemClock, random: systemRandom }, main);
  return dir;
}
