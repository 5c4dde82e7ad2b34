import { readFileSync } from 'node:fs';

/** Clock ticks a second in /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS = 100;
const KIB = 1024;

/** Seconds of processor time that a process has used; 0 where there is no /proc. */
export function cpuSeconds(pid: number): number {
  const text = readProc(pid, 'stat');
  if (text === undefined) return 0;
  // The name in parentheses may hold spaces; after it, utime and stime are fields 12 and 13 (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** What a process has handed to write calls, and what the kernel has counted as going to a disk. */
export interface WrittenBytes {
  readonly calls: number;
  readonly disk: number;
}

/** @throws Error where there is no /proc */
export function writtenBytes(pid: number): WrittenBytes {
  const text = required(pid, 'io');
  return { calls: field(text, 'wchar'), disk: field(text, 'write_bytes') };
}

/** Memory that a process keeps resident, in bytes. */
export interface ResidentBytes {
  readonly all: number;
  /** Without pages of mapped files, such as LevelDB's tables: what only this process holds. */
  readonly own: number;
}

/** @throws Error where there is no /proc */
export function residentBytes(pid: number): ResidentBytes {
  const text = required(pid, 'status');
  return { all: field(text, 'VmRSS') * KIB, own: field(text, 'RssAnon') * KIB };
}

function field(text: string, name: string): number {
  const value = new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`/proc has no ${name}`);
  return Number(value);
}

function required(pid: number, file: string): string {
  const text = readProc(pid, file);
  if (text === undefined) throw new Error('this row needs /proc, which Linux has');
  return text;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
