import { readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TlogError } from '../core/error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { syncFolder } from '../store/guard-files.ts';
import { ROW_PARTS, type RowPart } from '../store/row-place.ts';
import { formatState, parseState } from '../store/state-file.ts';
import type { Finding } from './finding.ts';

/** Open findings as they are kept, and what there is of those that a file has no room for. */
export interface KeptFindings {
  readonly findings: readonly Finding[];
  /** How many there were beyond those, at least. */
  readonly more: number;
  /** Sorts of row that such a one was of: none of their rows is served. */
  readonly withheldSorts: readonly RowPart[];
}

export const NO_FINDINGS: KeptFindings = { findings: [], more: 0, withheldSorts: [] };

/** Where the open findings of one log outlive its process. */
export interface FindingFile {
  /** @throws TlogError data_damaged when there is a file that cannot be read: what it says is not known, so nothing is signed */
  read(): Promise<KeptFindings>;
  /** Durable on return. Rejects with what the filesystem says. */
  write(kept: KeptFindings): Promise<void>;
}

const NAME = 'damage.json';

/** The file `damage.json` in the folder of a log (spec SCRUB-6). */
export function findingFile(logFolder: string): FindingFile {
  const path = join(logFolder, NAME);
  return {
    read: () => readFindings(path),
    write: (kept) => writeFileDurably(path, formatState({ schema: 1, ...kept }, 2)),
  };
}

/** Puts the findings of a repaired log aside: they stay as a record, and stand in nobody's way. */
export async function closeFindings(logFolder: string, nowMs: number): Promise<void> {
  const path = join(logFolder, NAME);
  try {
    await rename(path, join(logFolder, `damage.repaired-${nowMs}.json`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await syncFolder(dirname(path));
}

async function readFindings(path: string): Promise<KeptFindings> {
  try {
    return findingsIn(parseState(await readFile(path, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return NO_FINDINGS;
    throw new TlogError('data_damaged', `${path} cannot be read; run stele repair, which checks everything`, {
      cause,
    });
  }
}

function findingsIn(value: unknown): KeptFindings {
  const { schema, findings, more, withheldSorts, ...others } = value as Record<string, unknown>;
  const isList = Array.isArray(findings) && findings.every(isFinding);
  if (schema !== 1 || !isList || !isCount(more) || Object.keys(others).length > 0)
    throw new TypeError('not a list of findings');
  return { findings, more, withheldSorts: sortsOf(withheldSorts, more) };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** A record from before sorts were withheld does not say of which sort the others were: it may have been any. */
function sortsOf(kept: unknown, more: number): readonly RowPart[] {
  if (kept === undefined) return more === 0 ? [] : ROW_PARTS;
  if (!Array.isArray(kept) || !kept.every((part) => ROW_PARTS.includes(part)))
    throw new TypeError('not a list of sorts of row');
  return kept;
}

/** Whether it says what is wrong, and of which row: what a start does with it depends on no more. */
function isFinding(value: unknown): value is Finding {
  const { message, row } = (value ?? {}) as { readonly message?: unknown; readonly row?: unknown };
  const isRow = row === undefined || (typeof row === 'string' && /^(?:[0-9a-f]{2})+$/.test(row));
  return typeof message === 'string' && isRow;
}
