import { z } from 'zod';
import type { DuplicateMode, LogKind, ReadAccess } from './log.ts';

/** Version of everything on disk; a directory of another version is refused. */
export const SCHEMA = 1;
/** What a log may be called. */
export const LOG_NAME: RegExp = /^[a-z0-9][a-z0-9-]{0,62}$/;

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
  readonly createdAt: string;
}

/** A slip of the pen in `log.json` must not open a log to everybody, nor sign under another name. */
export const manifestSchema: z.ZodType<LogManifest> = z.strictObject({
  schema: z.literal(SCHEMA),
  name: z.string().regex(LOG_NAME),
  kind: z.enum(['entries', 'events']),
  origin: z.string().min(1).max(255),
  vkey: z.string(),
  duplicates: z.enum(['key', 'content', 'off']),
  leafHashIndex: z.boolean(),
  reads: z.enum(['public', 'token']).optional(),
  createdAt: z.string(),
});
