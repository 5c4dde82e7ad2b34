import { stat } from 'node:fs/promises';
import type { DataDirectory } from '../sequencer/data-directory.ts';

/** What is said where both lie together; a constant, so that it can be searched for. */
export const ONE_DEVICE =
  'data and guard lie on one device: what takes one back in time may take both, and nothing here would notice';

/** Whether data and guard lie on one device. */
export async function isOneDevice(dir: DataDirectory): Promise<boolean> {
  const [data, guard] = await Promise.all([stat(dir.dataPath), stat(dir.guardPath)]);
  return data.dev === guard.dev;
}
