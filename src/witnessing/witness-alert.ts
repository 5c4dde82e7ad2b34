import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../store/guard-files.ts';
import { keepAlertRecord } from '../witness/alert-record.ts';

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

/** Keeps an alert in `alerts/` of the log's folder; of each kind and witness the first. Gives back the path of its record. */
export async function keepWitnessingAlert(
  logFolder: string,
  { evidence, ...facts }: WitnessingAlert,
  nowMs: number,
): Promise<string> {
  const folder = join(logFolder, 'alerts');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(logFolder);
  const id = createHash('sha256').update(facts.witness).digest('hex').slice(0, 16);
  return keepAlertRecord(folder, { kind: facts.kind, id, facts, evidence }, nowMs);
}
