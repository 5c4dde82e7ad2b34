import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../store/durable-file.ts';
import { formatState, parseState } from '../store/state-file.ts';
import { type PassPosition, PHASES } from './pass.ts';

/** What came of a pass that went to its end. */
export interface FinishedPass {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly treeSize: number;
  readonly entriesChecked: number;
  readonly rowsChecked: number;
  readonly findings: number;
  /** Events whose secrets are not here. */
  readonly eventsUnavailable?: number;
}

/** What a pass at its end came to. */
export function finishedPass(pass: PassPosition, nowMs: number): FinishedPass {
  const { startedAtMs, treeSize, entriesChecked, rowsChecked, findings, eventsUnavailable } = pass;
  const counts = { treeSize, entriesChecked, rowsChecked, findings };
  return {
    ...{ startedAtMs, finishedAtMs: nowMs, ...counts },
    ...(eventsUnavailable === undefined ? {} : { eventsUnavailable }),
  };
}

/** How far scrubbing is: the pass under way, and the last one that ended. */
export interface ScrubProgress {
  readonly pass?: PassPosition | undefined;
  readonly lastPass?: FinishedPass | undefined;
}

/** Where progress outlives the process. */
export interface ProgressFile {
  /** Nothing where there is no file, or none that can be read: then a pass begins anew. */
  read(): Promise<ScrubProgress>;
  write(progress: ScrubProgress): Promise<void>;
}

/** The file `scrub.json` in the folder of a log. */
export function progressFile(logFolder: string): ProgressFile {
  const path = join(logFolder, 'scrub.json');
  return {
    read: async () => {
      try {
        return progressOf(parseState(await readFile(path, 'utf8')));
      } catch {
        return {}; // no file, or not one of ours: nothing depends on it but where to go on
      }
    },
    write: (progress) => writeFileDurably(path, formatState({ schema: 1, ...progress })),
  };
}

function progressOf(value: unknown): ScrubProgress {
  const { schema, pass, lastPass, ...others } = (value ?? {}) as Record<string, unknown>;
  if (schema !== 1 || Object.keys(others).length > 0) return {};
  return {
    ...(isPosition(pass) ? { pass } : {}),
    ...(isFinished(lastPass) ? { lastPass } : {}),
  };
}

function isFinished(value: unknown): value is FinishedPass {
  const counts = ['treeSize', 'entriesChecked', 'rowsChecked', 'findings'];
  return areNumbers(value, ['startedAtMs', 'finishedAtMs', ...counts]);
}

function isPosition(value: unknown): value is PassPosition {
  const numbers = ['startedAtMs', 'treeSize', 'next', 'steps', 'entriesChecked', 'rowsChecked', 'findings'];
  if (!areNumbers(value, numbers)) return false;
  const { phase, after, eventsUnavailable } = value as PassPosition;
  if (eventsUnavailable !== undefined && !areNumbers(value, ['eventsUnavailable'])) return false;
  return PHASES.includes(phase) && (after === undefined || /^(?:[0-9a-f]{2})+$/.test(after));
}

function areNumbers(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Record<string, unknown>;
  return names.every((name) => Number.isSafeInteger(members[name]) && Number(members[name]) >= 0);
}
