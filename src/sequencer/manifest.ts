import { z } from 'zod';
import { PUBLIC_LABELS, type PublicLabel } from '../core/event/leaf.ts';
import { LOG_NAME } from '../core/log-name.ts';
import { parseVerifierKey } from '../core/note/key.ts';
import type { DuplicateMode, LogKind, ReadAccess } from './log.ts';

/** Version of everything on disk; a directory of another version is refused. */
export const SCHEMA = 1;

/** What `log.json` holds: the facts of a log that never change. */
export interface LogManifest {
  readonly schema: typeof SCHEMA;
  readonly name: string;
  readonly kind: LogKind;
  readonly origin: string;
  readonly vkey: string;
  readonly duplicates: DuplicateMode;
  readonly leafHashIndex: boolean;
  /** Absent in directories made before there was a choice: public. */
  readonly reads?: ReadAccess | undefined;
  /** Members of events that every leaf shows, for ever; absent: none. Only of a log of events. */
  readonly publicLabels?: readonly PublicLabel[] | undefined;
  readonly createdAt: string;
}

const members = z.strictObject({
  schema: z.literal(SCHEMA),
  name: z.string().regex(LOG_NAME),
  kind: z.enum(['entries', 'events']),
  origin: z.string().min(1).max(255),
  vkey: z.string(),
  duplicates: z.enum(['key', 'content', 'off']),
  leafHashIndex: z.boolean(),
  reads: z.enum(['public', 'token']).optional(),
  publicLabels: z.array(z.enum(PUBLIC_LABELS)).nonempty().optional(),
  createdAt: z.iso.datetime(),
});

/** A slip of the pen or of a bit in `log.json` must not open a log to everybody, nor sign under another name. */
export const manifestSchema: z.ZodType<LogManifest> = members.refine(
  // The name in the key is the origin (c2sp.org/tlog-checkpoint), and its key id the hash of all: each tells whether the others are whole.
  ({ origin, vkey }) => keyName(vkey) === origin,
  { error: 'it is not a key, or not one that is named as origin', path: ['vkey'] },
);

/** Undefined of what is no key. */
function keyName(vkey: string): string | undefined {
  try {
    return parseVerifierKey(vkey).name;
  } catch {
    return undefined; // malformed_key or weak_key
  }
}
