import { TlogError } from '../core/error.ts';
import { type RowPart, rowPlace } from '../store/row-place.ts';

/** Who met damaged bytes: the scrubber, somebody's read, a commit that looked something up, or a repair that had nothing to mend them with. */
export type FoundBy = 'scrub' | 'read' | 'append' | 'repair';

/** Stored bytes that are not what the signed tree says. Hashes in hex. */
export interface Damage {
  /** Key of the row; its bytes are not served again. Absent where the damage is not in one row. */
  readonly row?: Uint8Array;
  readonly message: string;
  /** Index of the leaf, where one entry of a bundle is wrong. */
  readonly entry?: number;
  readonly expected?: string;
  readonly actual?: string;
}

/** One open finding, as it is kept in a file, shown to operators and answered by GET audit. */
export interface Finding {
  readonly log: string;
  readonly part: RowPart | 'memory';
  readonly index?: number;
  readonly level?: number;
  readonly entry?: number;
  /** Key of the row in hex. */
  readonly row?: string;
  readonly expected?: string;
  readonly actual?: string;
  readonly message: string;
  readonly foundBy: FoundBy;
  /** ISO 8601 in UTC. */
  readonly foundAt: string;
  readonly whatNext: string;
}

const WHAT_NEXT =
  'The log signs nothing until this is repaired. Stop the server, keep a copy of data and guard, run stele repair --from a mirror or backup, then start it again';

const WHAT_NEXT_OF_EVENTS =
  'The log signs nothing until this is right, and no mirror has what is stored of events. Stop the server, keep a copy of data and guard, run stele repair --from a backup (one made --with-seeds where seeds are damaged too) or a copy of the data directory, then start it again';

/** Rows that a log of events has beside its tree. */
const EVENT_PARTS: readonly Finding['part'][] = ['payload', 'raw', 'event-id', 'event-retry'];

/** The finding that a damage makes. */
export function findingOf(
  damage: Damage,
  found: { readonly log: string; readonly by: FoundBy; readonly atMs: number },
): Finding {
  const { row, entry, expected, actual, message } = damage;
  const place = row === undefined ? ({ part: 'memory' } as const) : rowPlace(row);
  return {
    log: found.log,
    ...place,
    ...(entry === undefined ? {} : { entry }),
    ...(row === undefined ? {} : { row: Buffer.from(row).toString('hex') }),
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    message,
    foundBy: found.by,
    foundAt: new Date(found.atMs).toISOString(),
    whatNext: EVENT_PARTS.includes(place.part) ? WHAT_NEXT_OF_EVENTS : WHAT_NEXT,
  };
}

/** The damage that an error of reading speaks of; undefined for every other error. */
export function damageOf(error: unknown): Damage | undefined {
  if (!(error instanceof TlogError) || error.code !== 'storage_corrupt') return undefined;
  const { row, index, expected, actual } = error.details;
  return {
    message: error.message,
    ...(typeof row === 'string' ? { row: Buffer.from(row, 'hex') } : {}),
    ...(typeof index === 'number' ? { entry: index } : {}),
    ...(typeof expected === 'string' ? { expected } : {}),
    ...(typeof actual === 'string' ? { actual } : {}),
  };
}
