import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Programs } from './campaign.ts';

/** The programs, compiled from the sources under test; disposing removes them. */
export interface CompiledPrograms extends Programs, AsyncDisposable {
  /** Tries damaged copies of a log. */
  readonly corruptionWorker: string;
  /** Path of test/witness/point-witness.ts, compiled. */
  readonly pointWitness: string;
  /** The monitor that kills itself at a named point. */
  readonly pointMonitor: string;
}

/** Compiles into the checkout, so that the modules find their packages. */
export async function compilePrograms(): Promise<CompiledPrograms> {
  const out = join(process.cwd(), 'dist', `crash-${process.pid}`);
  const args = ['node_modules/typescript/bin/tsc', '-p', 'test/crash/tsconfig.json', '--noCheck'];
  await promisify(execFile)(process.execPath, [...args, '--outDir', out]);
  return {
    cli: join(out, 'src', 'cli', 'main.js'),
    pointServer: join(out, 'test', 'crash', 'point-server.js'),
    corruptionWorker: join(out, 'test', 'corruption', 'worker.js'),
    pointWitness: join(out, 'test', 'witness', 'point-witness.js'),
    pointMonitor: join(out, 'test', 'crash', 'point-monitor.js'),
    [Symbol.asyncDispose]: () => rm(out, { recursive: true, force: true }),
  };
}
