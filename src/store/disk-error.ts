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

/** What the system says when something that was named is not there, or something else is in its place. */
const GONE = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'];

/** Whether a failed read says that there is nothing to be read. */
export function isGone(error: unknown): boolean {
  return error instanceof Error && GONE.includes(String((error as NodeJS.ErrnoException).code));
}

/** What a disk said to a write, with a code: whether the bytes came there is not known. What has a code, and bugs of ours, stay what they are. */
export function unwritten(path: string, cause: unknown): unknown {
  if (!isOfSystem(cause)) return cause;
  const message = `${path} could not be written: ${cause.message}. Look at the disk, then start again`;
  return new TlogError('commit_unknown', message, { cause });
}

/** As `unwritten`, of what is made or opened: `not_writable` where the disk takes no writes. */
export function writeFailure(path: string, cause: unknown): unknown {
  const failure = unwritten(path, cause);
  return failure instanceof TlogError && failure !== cause ? writeRefusal(path, cause, failure) : failure;
}

/** What a disk said to a read, with a code: the bytes may be as they should. What has a code, and bugs of ours, stay what they are. */
export function unread(path: string, cause: unknown): unknown {
  if (!isOfSystem(cause)) return cause;
  return new TlogError('storage_unreadable', `${path} cannot be read: ${cause.message}`, { cause });
}

/** Whether this is what node:fs rejects with: it has a code, as no bug of ours has. */
function isOfSystem(error: unknown): error is Error {
  if (error instanceof TlogError || error instanceof TypeError || error instanceof RangeError) return false;
  return error instanceof Error && 'code' in error;
}

/** What to do about a log that is damaged, for whoever meets it while no server runs. */
export const REPAIR = 'keep a copy of data and guard, then run stele repair --from a backup or a mirror';

/** Damage that LevelDB met while it read, as an error with a code; undefined for every other error. */
export function levelDamage(error: unknown): TlogError | undefined {
  if (!(error instanceof Error) || !String((error as { code?: unknown }).code).startsWith('LEVEL_'))
    return undefined;
  const message = `the database cannot be read (${error.message}); ${REPAIR}`;
  return new TlogError('data_damaged', message, { cause: error });
}

/** The messages of an error and of what caused it. */
function wordsOf(error: unknown): string {
  const words: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) words.push(at.message);
  return words.join(': ');
}
