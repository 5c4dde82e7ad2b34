import type { Register } from './context.ts';

type Load = () => Promise<Register>;
const reads: Load = async () => (await import('./commands/read.ts')).registerRead;

/** What registers each command, in the order in which help lists them. */
const COMMANDS: Readonly<Record<string, Load>> = {
  init: async () => (await import('./commands/init.ts')).registerInit,
  serve: async () => (await import('./commands/serve.ts')).registerServe,
  append: async () => (await import('./commands/append.ts')).registerAppend,
  import: async () => (await import('./commands/import.ts')).registerImport,
  get: reads,
  checkpoint: reads,
  prove: async () => (await import('./commands/prove.ts')).registerProve,
  'upgrade-receipt': async () => (await import('./commands/upgrade-receipt.ts')).registerUpgradeReceipt,
  verify: async () => (await import('./commands/verify.ts')).registerVerify,
  fsck: async () => (await import('./commands/fsck.ts')).registerFsck,
  'export-tiles': async () => (await import('./commands/export-tiles.ts')).registerExportTiles,
  keygen: async () => (await import('./commands/keygen.ts')).registerKeygen,
  token: async () => (await import('./commands/token.ts')).registerToken,
  logs: async () => (await import('./commands/logs.ts')).registerLogs,
  guard: async () => (await import('./commands/guard.ts')).registerGuard,
  backup: async () => (await import('./commands/backup.ts')).registerBackup,
  restore: async () => (await import('./commands/restore.ts')).registerRestore,
  repair: async () => (await import('./commands/repair.ts')).registerRepair,
  witness: async () => (await import('./commands/witness.ts')).registerWitness,
  monitor: async () => (await import('./commands/monitor.ts')).registerMonitor,
  alert: async () => (await import('./commands/alert.ts')).registerAlert,
};

/**
 * What registers the command that a line begins with; every command for help, and for a line that names none. To load
 * all of them takes longer than most of them run.
 */
export async function commandsFor([name = '']: readonly string[]): Promise<readonly Register[]> {
  const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const asked = named === undefined ? new Set(Object.values(COMMANDS)) : [named];
  return Promise.all([...asked].map((load) => load()));
}
