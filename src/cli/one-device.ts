import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { DataDirectory } from '../sequencer/data-directory.ts';
import type { CommandContext } from './context.ts';
import { say } from './terminal.ts';

/** What is said where both lie together; a constant, so that it can be searched for. */
export const ONE_DEVICE =
  'data and guard lie on one device: what takes one back in time may take both, and nothing here would notice';

/** Whether data and guard lie on one device. */
export async function isOneDevice(dir: DataDirectory): Promise<boolean> {
  const [data, guard] = await Promise.all([stat(dir.dataPath), stat(dir.guardPath)]);
  return data.dev === guard.dev;
}

/** Tells whoever starts a server that both lie on one device, if they do. */
export async function warnOfOneDevice({ terminal, config }: CommandContext, lines: Logger): Promise<void> {
  const { data, guard } = config;
  if (!(await isOneDevice({ dataPath: data, guardPath: guard }))) return;
  if (terminal.interactive) say(terminal, `Warning: ${ONE_DEVICE}.`);
  else lines.warn({ data, guard }, ONE_DEVICE);
}
