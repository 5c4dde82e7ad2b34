import { equalBytes } from '../core/bytes.ts';
import { TlogError } from '../core/error.ts';
import { evidenceOfRoots, formatEvidence } from '../core/evidence/evidence.ts';
import type { Hash } from '../core/merkle/hasher.ts';
import type { TreeSize } from '../core/units.ts';

/** A verified checkpoint that a source has shown: later ones from it must extend it. */
export interface Mark {
  readonly size: TreeSize;
  readonly rootHash: Hash;
  /** The whole signed note. */
  readonly note: string;
}

/**
 * Compares a verified checkpoint with the last one of the same source. `grown` still needs a consistency proof.
 * @throws TlogError rollback when it is smaller, fork for the same size with another root; both notes in `details`, and
 * for a fork the text of a file that convicts the log, `evidence`
 */
export function compareWithMark(kept: Mark, fresh: Mark): 'same' | 'grown' {
  const notes = { keptNote: kept.note, freshNote: fresh.note };
  if (fresh.size < kept.size) {
    const message = `the log shows size ${fresh.size} after ${kept.size}; keep both notes and ask its operator`;
    const sizes = [fresh.size, kept.size].map(String);
    throw new TlogError('rollback', message, { details: { ...notes, sizes } });
  }
  if (fresh.size > kept.size) return 'grown';
  if (equalBytes(fresh.rootHash, kept.rootHash)) return 'same';
  const message = `the log signed two root hashes of size ${kept.size}; keep both notes, they are evidence`;
  const evidence = formatEvidence(evidenceOfRoots(kept.note, fresh.note));
  throw new TlogError('fork', message, { details: { ...notes, evidence } });
}

/**
 * Keeps the last verified checkpoint of each source, as its whole signed note. A source is the address it came from.
 * What comes back is verified again. A store of one log must not be emptied: without it a rollback cannot be told.
 */
export interface MarkStore {
  read(source: string): Promise<string | undefined> | string | undefined;
  write(source: string, note: string): Promise<void> | void;
}

/** Marks that live as long as the object. */
export function memoryMarks(): MarkStore {
  const notes = new Map<string, string>();
  return {
    read: (source) => notes.get(source),
    write: (source, note) => {
      notes.set(source, note);
    },
  };
}
