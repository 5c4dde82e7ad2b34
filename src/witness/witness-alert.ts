import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../store/durable-file.ts';
import { originHash } from './witness-record.ts';

/** What a person has to look at. */
export interface WitnessAlert {
  /** `fork`: a log has signed two histories. `refused`: nothing is cosigned for a log whose record is in doubt. */
  readonly kind: 'fork' | 'refused';
  readonly origin: string;
  readonly message: string;
  /** Code of the failure; of a refusal. */
  readonly code?: string;
  /** Text of a file that convicts the log (spec/evidence.md); of a fork. */
  readonly evidence?: string;
}

/**
 * Keeps an alert as a file, and its evidence before it in one beside; durable on return. Gives back the alert's path. Of each
 * kind the first one of an origin is kept: one is enough, and nobody who can sign for a log can fill the disk.
 */
export async function keepAlert(
  folder: string,
  { evidence, ...alert }: WitnessAlert,
  nowMs: number,
): Promise<string> {
  const hash = originHash(alert.origin);
  const path = join(folder, `${alert.kind}-${hash}.json`);
  if (await exists(path)) return path;
  const evidenceFile = `fork-evidence-${hash}.json`;
  if (evidence !== undefined) await writeFileDurably(join(folder, evidenceFile), evidence);
  const named = evidence === undefined ? {} : { evidence: evidenceFile };
  const record = { schema: 1, at: new Date(nowMs).toISOString(), ...alert, ...named };
  await writeFileDurably(path, `${JSON.stringify(record, null, 2)}\n`);
  return path;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
