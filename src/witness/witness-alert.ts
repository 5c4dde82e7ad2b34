import { keepAlertRecord } from './alert-record.ts';
import { originHash } from './witness-record.ts';

/** What an alert is about, where it is known. Hashes are base64. */
export interface AlertFacts {
  readonly sizes?: readonly number[];
  /** The root hash that the record stands for. */
  readonly expectedHash?: string;
  readonly actualHash?: string;
}

/** What a person has to look at. */
export interface WitnessAlert extends AlertFacts {
  /** `fork`: a log has signed two histories. `refused`: nothing is cosigned for a log whose record is in doubt. */
  readonly kind: 'fork' | 'refused';
  readonly origin: string;
  readonly message: string;
  /** Code of the failure; of a refusal. */
  readonly code?: string;
  /** Text of a file that convicts the log (spec/evidence.md); of a fork. */
  readonly evidence?: string;
}

/** Keeps an alert; of each cause the first one of an origin. Gives back the path of its record; undefined when there are too many. */
export function keepAlert(
  folder: string,
  { evidence, ...facts }: WitnessAlert,
  nowMs: number,
): Promise<string | undefined> {
  const { kind, origin, code, sizes, expectedHash, actualHash } = facts;
  const cause = JSON.stringify([code, sizes, expectedHash, actualHash]);
  return keepAlertRecord(folder, { kind, id: originHash(origin), cause, facts, evidence }, nowMs);
}
