import { linkSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { TlogError } from '../core/error.ts';

const LOCK = /^lock-([0-9]{10})$/;

/** Folders that this thread has open. */
const HELD = new Set<string>();

/**
 * Takes a folder for this process alone, until what comes back is called. Locks are numbered files of which the newest counts. It is
 * never removed, only left empty or to a process that has died; then whoever makes the next number has the folder, and of
 * several that try at once one can.
 * @throws TlogError spool_locked
 */
export function lockSpool(folder: string): () => void {
  const place = realpathSync(folder);
  for (;;) {
    const last = newestOf(place);
    const owner = HELD.has(place) ? process.pid : ownerOf(fileOf(place, last));
    if (owner !== undefined)
      throw new TlogError(
        'spool_locked',
        `process ${owner} has the spool ${folder}: one process, one folder`,
      );
    if (!claim(place, last + 1)) continue;
    if (newestOf(place) === last + 1) return held(place, last + 1);
    // Others took the folder and left it between the look and the claim: then the number was free again.
    rmSync(fileOf(place, last + 1), { force: true });
  }
}

function held(place: string, number: number): () => void {
  const file = fileOf(place, number);
  for (const name of readdirSync(place))
    if (name.startsWith('lock') && join(place, name) !== file) rmSync(join(place, name), { force: true });
  HELD.add(place);
  return () => {
    HELD.delete(place);
    writeFileSync(file, '');
  };
}

/** Makes a lock that says whose it is from its first moment; false where there is one. */
function claim(place: string, number: number): boolean {
  const own = join(place, `lock-of-${process.pid}-${threadId}`);
  try {
    writeFileSync(own, `${process.pid} ${startOf(process.pid)}\n`, { mode: 0o600 });
    linkSync(own, fileOf(place, number));
    return true;
  } catch (error) {
    // ENOENT: who has just taken the folder cleared it.
    if (error instanceof Error && 'code' in error && (error.code === 'EEXIST' || error.code === 'ENOENT'))
      return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** 0 where there is none. */
function newestOf(place: string): number {
  return Math.max(0, ...readdirSync(place).map((name) => Number(LOCK.exec(name)?.[1] ?? 0)));
}

function fileOf(place: string, number: number): string {
  return join(place, `lock-${String(number).padStart(10, '0')}`);
}

/** The process that holds a lock; undefined when none does. */
function ownerOf(file: string): number | undefined {
  const [pid = '', start = ''] = (readIfThere(file) ?? '').trim().split(' ');
  if (!/^[1-9][0-9]*$/.test(pid)) return undefined;
  // Where no start is told, our own number is that of a predecessor: what this thread holds is known.
  if (Number(pid) === process.pid && start === '') return undefined;
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
