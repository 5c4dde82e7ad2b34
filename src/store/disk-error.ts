import { TlogError } from '../core/error.ts';

/** LevelDB tells what the system said as text only. */
const UNWRITABLE =
  /ENOSPC|EDQUOT|EROFS|EACCES|EPERM|No space left|quota exceeded|Read-only file system|Permission denied|not permitted/;

/**
 * What to throw when opening something for writing failed: that the disk takes no writes, where the system said so,
 * else what the caller has. Whoever reads "damaged" restores a backup; a full disk needs none.
 */
export function writeRefusal(path: string, cause: unknown, otherwise: TlogError): TlogError {
  if (!UNWRITABLE.test(wordsOf(cause))) return otherwise;
  const message = `${path} takes no writes: ${wordsOf(cause)}. Make room or mend the mount, then start again`;
  return new TlogError('not_writable', message, { cause });
}

/** Damage that LevelDB met while it read, as an error with a code; undefined for every other error. */
export function levelDamage(error: unknown): TlogError | undefined {
  if (!(error instanceof Error) || !String((error as { code?: unknown }).code).startsWith('LEVEL_'))
    return undefined;
  const message = `the database cannot be read (${error.message}): restore it from a backup or a mirror`;
  return new TlogError('data_damaged', message, { cause: error });
}

/** The messages of an error and of what caused it. */
function wordsOf(error: unknown): string {
  const words: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) words.push(at.message);
  return words.join(': ');
}
