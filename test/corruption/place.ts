import { basename } from 'node:path';
import type { FileClass, Mutation } from './mutation.ts';
import type { RowMutation } from './row-mutation.ts';
import type { FsckFound } from './trial.ts';

/** Files of LevelDB: what one of them loses shows in rows, too. */
const DATABASE: readonly FileClass[] = ['log', 'table', 'manifest', 'current'];

/** Whether what fsck names is what was changed. */
export function isRightPlace(mutation: Mutation | RowMutation, found: FsckFound): boolean {
  if ('row' in mutation) return isOfRow(mutation, found);
  const { fileClass, file } = mutation;
  if (DATABASE.includes(fileClass)) return isInDatabase(mutation, found);
  // The guard has a folder: of its files one or the other may be read.
  return found.message.includes(fileClass === 'guard' ? 'guard' : basename(file));
}

function isInDatabase({ file, end }: Mutation, { part, index, message }: FsckFound): boolean {
  if (part === 'file') return message.includes(file) && index <= end;
  return part !== 'key';
}

function isOfRow({ row, sealedAt }: RowMutation, found: FsckFound): boolean {
  const { part, index, level } = found;
  if (part === 'refused') return isOfTree(row.part, found, sealedAt !== undefined);
  if (part === 'entry') return row.part === 'bundle' && Math.floor(index / 256) === row.index;
  // A head is named by the size that its note says.
  if (part === 'head' && sealedAt !== undefined) return row.part === 'head';
  return part === row.part && index === (row.index ?? 0) && level === row.level;
}

/** Without the state there is no tree to look at; of the records that make the open bundle any may be the wrong one. */
function isOfTree(part: string, { message }: FsckFound, isSealed: boolean): boolean {
  if (part === 'state') return /no state|recorded root/.test(message);
  return (
    part === 'edge' &&
    (message.includes('entries are missing before') || (isSealed && message.includes('recorded root')))
  );
}
