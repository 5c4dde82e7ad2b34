import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileDurably } from '../store/durable-file.ts';

/** Files of one kind and id that are kept: nobody who can raise alerts can fill the disk. */
export const RECORDS_MAX = 20;

/** What is kept of an alert: `facts` as JSON, and of a fork the text of a file that convicts. */
export interface AlertRecord {
  readonly kind: string;
  /** Whom it is about, as a part of the file's name. */
  readonly id: string;
  readonly facts: object;
  /** What tells it from others of the kind and id. */
  readonly cause: string;
  readonly evidence: string | undefined;
}

/**
 * Keeps an alert as a file, and its evidence before it in one beside; durable on return. Gives back the record's path. Of each
 * cause the first is kept, and of each kind and id twenty causes; undefined beyond.
 */
export async function keepAlertRecord(
  folder: string,
  { kind, id, facts, cause, evidence }: AlertRecord,
  nowMs: number,
): Promise<string | undefined> {
  const sort = `${kind}-${id}-`;
  const name = `${sort}${createHash('sha256').update(cause).digest('hex').slice(0, 16)}.json`;
  const path = join(folder, name);
  const kept = (await readdir(folder)).filter((each) => each.startsWith(sort) && each.endsWith('.json'));
  if (kept.includes(name)) return path;
  if (kept.length >= RECORDS_MAX) return undefined;
  const evidencePath = evidenceBeside(path);
  if (evidence !== undefined) await writeFileDurably(evidencePath, evidence);
  const named = evidence === undefined ? {} : { evidence: basename(evidencePath) };
  const record = { schema: 1, at: new Date(nowMs).toISOString(), ...facts, ...named };
  await writeFileDurably(path, `${JSON.stringify(record, null, 2)}\n`);
  return path;
}

/** Where the evidence of a fork is, which `stele verify` takes, by the path of its record. */
export function evidenceBeside(record: string): string {
  return join(dirname(record), basename(record).replace(/^fork-/, 'fork-evidence-'));
}
