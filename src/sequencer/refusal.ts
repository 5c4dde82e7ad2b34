import { TlogError } from '../core/error.ts';
import { levelDamage, REPAIR } from '../store/disk-error.ts';

/** Damage found by a start is a refusal, not a crash of ours; what LevelDB cannot read is damage, too. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof TlogError)) return levelDamage(error) ?? error;
  if (error.code !== 'storage_corrupt') return error;
  return new TlogError('data_damaged', `${error.message}; ${REPAIR}`, {
    cause: error,
    details: error.details,
  });
}

/** Of a process with many logs the operator must know which one is refused. */
export function nameLog(error: unknown, name: string): unknown {
  return error instanceof TlogError && error.kind === 'refused' ? ofLog(error, name) : error;
}

/** The error with its log in the message. */
export function ofLog(error: TlogError, name: string): TlogError {
  return new TlogError(error.code, `log ${name}: ${error.message}`, { cause: error, details: error.details });
}

/** @throws what was thrown, with what to do where the database is damaged */
export function adviseRepair(error: unknown): never {
  if (!(error instanceof TlogError) || error.code !== 'data_damaged') throw error;
  throw new TlogError('data_damaged', `${error.message}; ${REPAIR}`, { cause: error });
}
