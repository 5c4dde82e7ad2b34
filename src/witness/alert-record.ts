import { access } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileDurably } from '../store/durable-file.ts';

/** What is kept of an alert: `facts` as JSON, and of a fork the text of a file that convicts. */
export interface AlertRecord {
  readonly kind: string;
  /** Whom it is about, as a part of the file's name. */
  readonly id: string;
  readonly facts: object;
  readonly evidence: string | undefined;
}

/**
 * Keeps an alert as a file, and its evidence before it in one beside; durable on return. Gives back the record's path. Of each
 * kind and id the first is kept: one is enough, and nobody can fill the disk.
 */
export async function keepAlertRecord(
  folder: string,
  { kind, id, facts, evidence }: AlertRecord,
  nowMs: number,
): Promise<string> {
  const path = join(folder, `${kind}-${id}.json`);
  if (await exists(path)) return path;
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

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
