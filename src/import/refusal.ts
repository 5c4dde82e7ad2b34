import { TlogError } from '../core/error.ts';

/** The error for a record that no event can be made of; `option` names what would have to be given. */
export function unmappable(reason: string, option?: 'year' | 'timezone'): TlogError {
  return new TlogError('unmappable_record', reason, option === undefined ? {} : { details: { option } });
}
