import { keepAlertRecord } from './alert-record.ts';
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

/** Keeps an alert; of each kind the first one of an origin. Gives back the path of its record. */
export function keepAlert(
  folder: string,
  { evidence, ...facts }: WitnessAlert,
  nowMs: number,
): Promise<string> {
  const { kind, origin } = facts;
  return keepAlertRecord(folder, { kind, id: originHash(origin), facts, evidence }, nowMs);
}
