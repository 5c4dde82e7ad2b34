import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { TlogError } from '../core/error.ts';
import { unread } from '../store/disk-error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { syncFolder } from '../store/guard-files.ts';
import { formatState, parseState } from '../store/state-file.ts';

/** The published head, and the newest that satisfied the policy, as whole notes. */
export interface PublishedNotes {
  readonly published: string;
  readonly witnessed?: string | undefined;
}

/** Where the published head outlives the process. */
export interface PublishedFile {
  /** Undefined where there is none: the log was served without a policy. @throws TlogError data_damaged, storage_unreadable */
  read(): Promise<PublishedNotes | undefined>;
  /** Durable on return. */
  write(notes: PublishedNotes): Promise<void>;
  /** From now on the log head is published. Durable on return. */
  remove(): Promise<void>;
}

const members = z.strictObject({
  schema: z.literal(1),
  published: z.string(),
  witnessed: z.string().optional(),
});

/** The file `published.json` in the folder of a log. */
export function publishedFile(logFolder: string): PublishedFile {
  const path = join(logFolder, 'published.json');
  return {
    read: async () => {
      const text = await readFile(path, 'utf8').catch((error: unknown) => noText(path, error));
      return text === undefined ? undefined : notesOf(path, text);
    },
    write: (notes) => writeFileDurably(path, formatState({ schema: 1, ...notes })),
    remove: async () => {
      if ((await rm(path).then(() => 'gone', absent)) === 'gone') await syncFolder(dirname(path));
    },
  };
}

function noText(path: string, error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EISDIR') throw damagedFile(path, 'is a folder', error);
  if (code !== 'ENOENT') throw unread(path, error);
}

function notesOf(path: string, text: string): PublishedNotes {
  try {
    return members.parse(parseState(text));
  } catch (cause) {
    throw damagedFile(path, 'cannot be read', cause);
  }
}

/** A published head that cannot be relied on: without the file the log head is published, which is no smaller. */
export function damagedFile(what: string, why: string, cause?: unknown): TlogError {
  const message = `${what} ${why}: move published.json of the log aside; the log head is published then`;
  return new TlogError('data_damaged', message, { cause });
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
