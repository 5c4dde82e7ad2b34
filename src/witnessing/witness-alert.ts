import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../store/guard-files.ts';
import { keepAlertRecord } from '../witness/alert-record.ts';

/** What a person has to look at. */
export interface WitnessingAlert {
  /**
   * `fork`: the witness holds another history that this log's key signed. `witness_ahead`: it holds a larger tree that the key
   * signed. `witness_size_above`: it says so, and does not show it. `witness_forgot`: it goes on from less than it has cosigned.
   */
  readonly kind: 'fork' | 'witness_ahead' | 'witness_size_above' | 'witness_forgot';
  readonly log: string;
  readonly origin: string;
  /** The key of the witness, as vkey. */
  readonly witness: string;
  readonly message: string;
  readonly treeSize: number;
  readonly witnessSize: number;
  /** Of the log, at the lesser of the two sizes. Base64. */
  readonly expectedHash: string;
  /** Of what the witness shows; absent where it shows nothing. */
  readonly actualHash?: string;
  /** The notes of witness and log, byte for byte. */
  readonly notes: readonly string[];
  /** Text of a file that convicts whoever has the key (spec/evidence.md); of a fork. */
  readonly evidence?: string;
}

/**
 * Keeps an alert in `alerts/` of the log's folder; of each cause the first. Gives back the path of its record; undefined when
 * twenty of the kind are kept of the witness already.
 */
export async function keepWitnessingAlert(
  logFolder: string,
  { evidence, ...facts }: WitnessingAlert,
  nowMs: number,
): Promise<string | undefined> {
  const folder = join(logFolder, 'alerts');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await syncFolder(logFolder);
  const id = createHash('sha256').update(facts.witness).digest('hex').slice(0, 16);
  const { kind, treeSize, witnessSize, expectedHash, actualHash } = facts;
  const cause = JSON.stringify([treeSize, witnessSize, expectedHash, actualHash]);
  return keepAlertRecord(folder, { kind, id, cause, facts, evidence }, nowMs);
}
