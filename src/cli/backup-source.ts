import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { eventSecrets } from '../events/event-files.ts';
import type { BackupSource } from '../http/backup.ts';
import { type DataDirectory, logPaths, readManifest } from '../sequencer/data-directory.ts';
import type { LogSet } from '../sequencer/log-set.ts';

/** What a running server gives to a backup: neither keys nor tokens. */
export function backupSource(dir: DataDirectory, logs: LogSet): BackupSource {
  return {
    manifest: (name) => readManifest(dir, name),
    config: async () => {
      try {
        return await readFile(join(dir.dataPath, 'config.yaml'), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    secrets: async (name) => {
      const { kind } = await readManifest(dir, name);
      if (kind === 'entries') return undefined;
      return eventSecrets(logPaths(dir, name).root);
    },
    stored: async (name) => {
      const log = await logs.get(name);
      if (log === undefined) throw new TlogError('unknown_log', 'there is no log of this name');
      return log.stored();
    },
  };
}
