import { TlogError } from '../core/error.ts';
import type { Store } from '../store/store.ts';

/** What to end a log with whose database is not where it was opened; undefined while it is there. Spec STORE-8. */
export function lossOf(store: Pick<Store, 'inPlace'>, log: string): TlogError | undefined {
  try {
    if (store.inPlace()) return undefined;
    return new TlogError('data_lost', `the database of log ${log} was moved or removed`);
  } catch (cause) {
    return new TlogError('data_lost', `the database of log ${log} cannot be looked at`, { cause });
  }
}
