import { TlogError } from '../core/error.ts';
import { rowName } from './row-place.ts';

/** The error of a row that is not what it should be: `storage_corrupt`, with its key in `details.row`, in hex. */
export function corruptRow(key: Uint8Array, what: string, cause?: unknown): TlogError {
  const message = `${rowName(key)} ${what}`;
  const details = { row: Buffer.from(key).toString('hex') };
  return new TlogError('storage_corrupt', message, { cause, details });
}

/**
 * What the value of a row says. A check holds for the bytes that were written, whatever they are: the form is looked at here.
 * @throws TlogError storage_corrupt that names the row, where `decode` throws a TlogError
 */
export function decodedRow<T>(key: Uint8Array, value: Uint8Array, decode: (value: Uint8Array) => T): T {
  try {
    return decode(value);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw corruptRow(key, `is not in its form (${cause.message})`, cause);
  }
}
