import { createHash } from 'node:crypto';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BackUpResult, backUpLog } from '../../src/backup/back-up-log.ts';
import { BACKUP_FILE } from '../../src/backup/backup-folder.ts';
import { logAccess } from '../../src/client/access.ts';
import type { Fetch } from '../../src/client/bounded-fetch.ts';
import { LogCalls } from '../../src/client/log-calls.ts';
import { eventSecrets } from '../../src/events/event-files.ts';
import { createApp } from '../../src/http/app.ts';
import type { BackupSource } from '../../src/http/backup.ts';
import { type RestoredLog, restoreBackup } from '../../src/repair/restore.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { nodeHasher } from '../../src/runtime/node-hasher.ts';
import { type DataDirectory, logPaths, readManifest } from '../../src/sequencer/data-directory.ts';
import { type RottingLog, rottingLog } from './rotting-log.ts';
import { tempFolder } from './temp-folder.ts';

/** May do everything. */
export const ADMIN_TOKEN: string = `stele_00000000_${'a'.repeat(43)}`;
/** May read and append. */
export const PLAIN_TOKEN: string = `stele_00000001_${'b'.repeat(43)}`;
const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

/** A log behind the real HTTP interface, without a socket, and folders to copy it into. */
export interface BackupDesk extends RottingLog {
  readonly folder: string;
  readonly fetch: Fetch;
  /** Copies what is new into `folder`, or into another one. */
  backUp(options?: {
    folder?: string;
    token?: string;
    fetch?: Fetch;
    withSeeds?: boolean;
  }): Promise<BackUpResult>;
  /** Makes a fresh data directory of the backup; the guard is the log's own unless given. */
  restore(options?: { guardPath?: string; folder?: string; keys?: string }): Promise<{
    dir: DataDirectory;
    logs: readonly RestoredLog[];
  }>;
  /** A folder with the signing key as `main.key`. */
  keys(): Promise<string>;
}

export async function backupDesk(
  options: Parameters<typeof rottingLog>[0] & { clock?: Clock; config?: string } = {},
): Promise<BackupDesk> {
  const { config, ...log } = options;
  const rotting = await rottingLog(log);
  const root = await tempFolder();
  const source: BackupSource = {
    manifest: (name) => readManifest(rotting.dir, name),
    config: async () => config,
    secrets: async () =>
      rotting.log.kind === 'events' ? eventSecrets(logPaths(rotting.dir, 'main').root) : undefined,
    stored: async () => rotting.log.stored(),
  };
  const app = createApp({
    logs: { names: () => ['main'], get: () => rotting.log },
    tokens: () => [
      { id: '00000000', sha256: sha256(ADMIN_TOKEN), scopes: ['append', 'read', 'admin'], logs: '*' },
      { id: '00000001', sha256: sha256(PLAIN_TOKEN), scopes: ['append', 'read'], logs: '*' },
    ],
    clock: systemClock,
    backup: source,
  });
  const appFetch: Fetch = async (url, init) => app.request(url, init);
  const folder = join(root, 'backup');
  let restores = 0;
  return {
    ...rotting,
    folder,
    fetch: appFetch,
    backUp: async ({
      folder: to = folder,
      token = ADMIN_TOKEN,
      fetch = appFetch,
      withSeeds = false,
    } = {}) => {
      await mkdir(to, { recursive: true });
      await writeFile(join(to, BACKUP_FILE), '{"schema":1}');
      const retry = { sleep: async () => undefined, random: () => 0 };
      const calls = new LogCalls(logAccess({ logUrl: 'http://log.example/logs/main', token, fetch, retry }));
      return backUpLog({
        calls,
        admin: calls,
        name: 'main',
        folder: to,
        withSeeds,
        hasher: nodeHasher,
        nowMs: 0,
      });
    },
    restore: async ({ guardPath = rotting.dir.guardPath, folder: from = folder, keys } = {}) => {
      restores += 1;
      const dir = { dataPath: join(root, `restored-${restores}`), guardPath };
      return { dir, logs: await restoreBackup({ folder: from, dir, keys, nowMs: 0 }) };
    },
    keys: async () => {
      const keys = join(root, 'keys');
      await mkdir(keys, { recursive: true });
      await cp(logPaths(rotting.dir, 'main').key, join(keys, 'main.key'));
      return keys;
    },
  };
}
