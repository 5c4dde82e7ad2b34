import { registerAlert } from './commands/alert.ts';
import { registerAppend } from './commands/append.ts';
import { registerBackup } from './commands/backup.ts';
import { registerExportTiles } from './commands/export-tiles.ts';
import { registerFsck } from './commands/fsck.ts';
import { registerGuard } from './commands/guard.ts';
import { registerImport } from './commands/import.ts';
import { registerInit } from './commands/init.ts';
import { registerKeygen } from './commands/keygen.ts';
import { registerLogs } from './commands/logs.ts';
import { registerMonitor } from './commands/monitor.ts';
import { registerProve } from './commands/prove.ts';
import { registerRead } from './commands/read.ts';
import { registerRepair } from './commands/repair.ts';
import { registerRestore } from './commands/restore.ts';
import { registerServe } from './commands/serve.ts';
import { registerToken } from './commands/token.ts';
import { registerUpgradeReceipt } from './commands/upgrade-receipt.ts';
import { registerVerify } from './commands/verify.ts';
import { registerWitness } from './commands/witness.ts';
import type { Register } from './context.ts';

/** Every command, in the order in which help lists them. */
export const commands: readonly Register[] = [
  registerInit,
  registerServe,
  registerAppend,
  registerImport,
  registerRead,
  registerProve,
  registerUpgradeReceipt,
  registerVerify,
  registerFsck,
  registerExportTiles,
  registerKeygen,
  registerToken,
  registerLogs,
  registerGuard,
  registerBackup,
  registerRestore,
  registerRepair,
  registerWitness,
  registerMonitor,
  registerAlert,
];
