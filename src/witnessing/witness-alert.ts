import { createHash } from 'node:crypto';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../store/durable-file.ts';
import { syncFolder } from '../store/guard-files.ts';

/** What a person has to look at. */
export interface WitnessingAlert {
  /**
   * `fork`: the witness holds another history that this log's key signed. `witness_ahead`: it holds a larger tree that the key
   * signed. `witness_size_above`: it says so, and does not show it.
   */
  readonly kind: 'fork' | 'witness_ahead' | 'witness_size_above';
  readonly log: string;
  readonly origin: string;
  /** The key of the witness, as vkey. */
  readonly witness: string;
  readonly message: string;
  readonly treeSize: number;
  readonly witnessSize: number;
  /** The notes of witness and log, byte for byte. */
  readonly notes: readonly string[];
  /** Text of a file that convicts whoever has the key (spec/evidence.md); of a fork. */
  readonly evidence?: string;
}

/**
 * Keeps an alert as a file in `alerts/` of the log's folder, and its evidence before it in one beside; durable on return. Gives
 * back the alert's path. Of each kind and witness the first is kept: one is enough, and no witness can fill the disk.
 */
export async function keepWitnessingAlert(
  logFolder: string,
  { evidence, ...alert }: WitnessingAlert,
  nowMs: number,
): Promise<string> {
  const folder = join(logFolder, 'alerts');
  const id = createHash('sha256').update(alert.witness).digest('hex').slice(0, 16);
  const path = join(folder, `${alert.kind}-${id}.json`);
  if (await exists(path)) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(logFolder);
  const evidenceFile = `fork-evidence-${id}.json`;
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
