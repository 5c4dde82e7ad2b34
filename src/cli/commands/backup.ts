import { mkdir, readdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { type BackUpResult, backUpLog } from '../../backup/back-up-log.ts';
import { BACKUP_FILE, BACKUP_SCHEMA, isBackup } from '../../backup/backup-folder.ts';
import { logAccess } from '../../client/access.ts';
import { LogCalls } from '../../client/log-calls.ts';
import { TlogError } from '../../core/error.ts';
import { LOG_NAME } from '../../core/log-name.ts';
import { DurableFiles } from '../../fsck/durable-files.ts';
import { nodeHasher } from '../../runtime/node-hasher.ts';
import { writeFailure } from '../../store/disk-error.ts';
import { listArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, tokenFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { accessOptions } from '../log-access.ts';
import { progressBar } from '../progress-bar.ts';
import { say, writeJson } from '../terminal.ts';

/** What a backup never holds, so that whoever gets one can neither sign nor write. */
const NEVER = ['signing keys', 'tokens', 'guard'];
/** What it holds only when that is asked for: without them nobody can read an event. */
const SEEDS = 'seeds of events';
const LOGS_BYTES_MAX = 64 * 1024;

/** `stele backup FOLDER`: copies what is new of a running server. */
export function registerBackup(program: Command, host: CommandHost): void {
  const backup = tokenFlags(program.command('backup'))
    .description(
      'copy what is new of a running server, verified by re-hashing; needs a token with scope admin',
    )
    .argument('<folder>', 'the backup; a second run adds to it')
    .option('--server <url>', 'base URL of the server (STELE_SERVER; default http://127.0.0.1:8080)')
    .option('--ops-server <url>', 'base URL of its --ops-listen, where it has one (default: the server)')
    .option('--logs <list>', 'names of the logs (default: every log)', listArgument)
    .option(
      '--with-seeds',
      'also the seeds of events: whoever has the backup can then read every event in it',
    );
  host.bind<[string]>(backup, runBackup);
}

interface BackupFlags {
  readonly opsServer?: string;
  readonly logs?: readonly string[];
  readonly withSeeds?: boolean;
}

async function runBackup(context: CommandContext, folder: string, command: Command): Promise<void> {
  const { opsServer, logs, withSeeds = false }: BackupFlags = command.opts();
  const leftOut = withSeeds ? NEVER : [...NEVER, SEEDS];
  const { server } = context.config;
  const names = logs ?? (await namesOf(context, server));
  const files = await openFolder(folder, leftOut);
  const results: BackUpResult[] = [];
  for (const name of names) {
    const calls = await callsTo(context, `${server}/logs/${name}`);
    const admin = await callsTo(context, `${opsServer?.replace(/\/+$/, '') ?? server}/logs/${name}`);
    results.push(
      await withBar(context, name, (onProgress) =>
        backUpLog({
          calls,
          admin,
          name,
          folder,
          withSeeds,
          hasher: nodeHasher,
          nowMs: Date.now(),
          onProgress,
        }),
      ),
    );
  }
  const config = results[0]?.config;
  if (config !== undefined) await files.write('config.yaml', config);
  await files.syncFolders();
  const shown = results.map(({ config: _, ...result }) => result);
  if (context.json) return writeJson(context.terminal, { folder, logs: shown, leftOut });
  for (const { log, treeSize, files: copied, heads, retries } of shown)
    say(
      context.terminal,
      `${log}: verified at tree size ${treeSize}. New files: ${copied}, kept heads: ${heads}, retry keys: ${retries}.`,
    );
  say(context.terminal, `Left out: ${leftOut.join(', ')}. Keep a copy of each log's key apart from this.`);
  for (const line of shown.flatMap(aboutSeeds)) say(context.terminal, line);
}

/** What a copy of events means for who holds it. Nothing of a log of entries, or without events. */
function aboutSeeds({ log, treeSize, seedsEnd }: Omit<BackUpResult, 'config'>): readonly string[] {
  if (seedsEnd === undefined || treeSize === 0) return [];
  if (seedsEnd === 0)
    return [
      `${log}: no seeds of events. Restored from this, they are proven but cannot be read; see --with-seeds.`,
    ];
  const secret = `${log}: whoever has this folder can read its events, for ever: keep it as you keep keys.`;
  const rest = `${log}: no seeds of the events from ${seedsEnd} on; see --with-seeds.`;
  return seedsEnd < treeSize ? [secret, rest] : [secret];
}

/** Marks the folder before anything is in it. @throws TlogError data_exists for a folder that holds something else */
async function openFolder(folder: string, leftOut: readonly string[]): Promise<DurableFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const files = new DurableFiles(folder);
  const isThere = await isBackup(folder);
  // What is left out is said of the newest run; seeds that an earlier one took stay.
  if (isThere && leftOut.includes(SEEDS)) return files;
  if (!isThere && (await readdir(folder)).length > 0)
    throw new TlogError('data_exists', `${folder} is not empty and no backup; take another folder`);
  await files.write(BACKUP_FILE, `${JSON.stringify({ schema: BACKUP_SCHEMA, leftOut })}\n`);
  await files.syncFolders();
  return files;
}

async function callsTo(context: CommandContext, url: string): Promise<LogCalls> {
  return new LogCalls(logAccess(await accessOptions(context, url)));
}

/** The names that the server lists. @throws UsageError when the list is none */
async function namesOf(context: CommandContext, server: string): Promise<readonly string[]> {
  const { fields } = await (await callsTo(context, server)).askFields({
    path: 'logs',
    bytesMax: LOGS_BYTES_MAX,
  });
  const { logs } = fields as { logs?: unknown };
  if (Array.isArray(logs) && logs.length > 0 && logs.every((name) => LOG_NAME.test(String(name))))
    return logs.map(String);
  throw new UsageError(`${server} lists no logs`);
}

async function withBar<T>(
  { terminal }: CommandContext,
  log: string,
  work: (onProgress: (part: string, done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  using copying = progressBar(terminal, `${log}: files`);
  using hashing = progressBar(terminal, `${log}: re-hashing`);
  return await work((part, done, total) => (part === 'files' ? copying : hashing).show(done, total));
}
