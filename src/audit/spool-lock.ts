import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TlogError } from '../core/error.ts';

/** Folders that this process has open. */
const HELD = new Set<string>();

/**
 * Takes a folder for this process alone, until what comes back is called. The lock of a process that has died is taken over.
 * @throws TlogError spool_locked
 */
export function lockSpool(folder: string): () => void {
  const place = realpathSync(folder);
  const file = join(place, 'lock');
  const owner = HELD.has(place) ? process.pid : ownerOf(file);
  if (owner !== undefined)
    throw new TlogError('spool_locked', `process ${owner} has the spool ${folder}: one process, one folder`);
  writeFileSync(file, `${process.pid} ${startOf(process.pid)}\n`, { mode: 0o600 });
  HELD.add(place);
  return () => {
    HELD.delete(place);
    rmSync(file, { force: true });
  };
}

/** The process that holds a lock; undefined when none does. Our own number in it is that of a predecessor. */
function ownerOf(file: string): number | undefined {
  const [pid = '', start = ''] = (readIfThere(file) ?? '').trim().split(' ');
  if (!/^[1-9][0-9]*$/.test(pid) || Number(pid) === process.pid) return undefined;
  return isRunning(Number(pid)) && startOf(Number(pid)) === start ? Number(pid) : undefined;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // ESRCH: there is none
  }
}

/** When a process began, where the system tells: numbers of processes are used again. */
function startOf(pid: number): string {
  // Behind the name, which may hold spaces and brackets, the 20th field (proc(5)).
  const fields = readIfThere(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ');
  return fields?.[19] ?? '';
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // there is none, or no /proc
  }
}
