import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseHex } from '../core/encoding/hex.ts';
import { TlogError } from '../core/error.ts';
import { leafIndex } from '../core/units.ts';
import type { SeedRun } from '../events/seed-file.ts';
import { readBounded, TileFolder } from '../fsck/tile-folder.ts';
import { keptHeadOf } from '../sequencer/kept-heads.ts';
import type { SignedHead } from '../sequencer/log.ts';
import { type LogManifest, manifestSchema } from '../sequencer/manifest.ts';
import type { KeyedRetry } from '../store/rows.ts';
import { type PayloadCopy, parsePayload, parseSeeds } from './event-copies.ts';
import { type KnownEventRow, parseEventRow } from './event-rows.ts';

/** Marks a folder as a backup; a folder of another version is refused. */
export const BACKUP_FILE = 'stele-backup.json';
export const BACKUP_SCHEMA = 1;
/** Longest file of lines; one run writes as many as it needs. */
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;

/** One file of lines that a run has added: kept heads or retry keys of entries [from, to). */
export interface Segment {
  readonly file: string;
  readonly rows: number;
  readonly sha256: string;
}

/** Files of lines about the events below `end`: what a later run adds begins there. */
export interface CopiedPart {
  readonly end: number;
  readonly files: readonly Segment[];
}

/** What `backup.json` says of one log: the signed head that the copy is complete for, and the files of lines. */
export interface LogBackup {
  readonly schema: typeof BACKUP_SCHEMA;
  readonly treeSize: number;
  /** The whole signed note. */
  readonly checkpoint: string;
  readonly takenAt: string;
  readonly heads: readonly Segment[];
  readonly retries: readonly Segment[];
  /** Of a log of events: ids and retry keys, and the secret that ids are looked up with, in hex. */
  readonly events?: readonly Segment[] | undefined;
  readonly idSecret?: string | undefined;
  /** Encrypted payloads and verbatim bytes; and, where they were asked for, the seeds that open them. */
  readonly payloads?: CopiedPart | undefined;
  readonly seeds?: CopiedPart | undefined;
}

const segmentSchema: z.ZodType<Segment> = z.strictObject({
  file: z.string().regex(/^(?:heads|retries|events|payloads|seeds)\/[0-9]+-[0-9]+(?:-[0-9]+)?\.ndjson$/),
  rows: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const partSchema: z.ZodType<CopiedPart> = z.strictObject({
  end: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  files: z.array(segmentSchema),
});
const backupSchema = z.strictObject({
  schema: z.literal(BACKUP_SCHEMA),
  treeSize: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  checkpoint: z.string(),
  takenAt: z.iso.datetime(),
  heads: z.array(segmentSchema),
  retries: z.array(segmentSchema),
  events: z.array(segmentSchema).optional(),
  idSecret: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  payloads: partSchema.optional(),
  seeds: partSchema.optional(),
});
const retrySchema = z.strictObject({
  key: z.string().length(64),
  firstIndex: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  count: z.number().int().min(1).max(65_535),
  contentHash: z.string().length(64),
});

/** The facts of a log as its own `log.json` has them. @throws TlogError malformed_answer */
export function parseManifest(value: unknown): LogManifest {
  return parsed(manifestSchema, value, 'the facts of a log');
}

/** The copy of one log: files under the paths of c2sp.org/tlog-tiles, and beside them what tiles do not hold. */
export class BackupLog extends TileFolder {
  readonly path: string;

  constructor(backup: string, name: string) {
    const path = join(backup, 'logs', name);
    super(path);
    this.path = path;
  }

  /** Undefined where nothing was copied yet. @throws TlogError malformed_answer */
  async facts(): Promise<LogBackup | undefined> {
    const text = await readText(join(this.path, 'backup.json'));
    return text === undefined ? undefined : parsed(backupSchema, parseJson(text), `${this.path}/backup.json`);
  }

  /** Undefined where nothing was copied yet. @throws TlogError malformed_answer */
  async manifest(): Promise<LogManifest | undefined> {
    const text = await readText(join(this.path, 'log.json'));
    return text === undefined ? undefined : parseManifest(parseJson(text));
  }

  /** Every kept head, ascending. @throws TlogError malformed_answer for a file that is not as it was written */
  async *heads(facts?: LogBackup): AsyncGenerator<SignedHead> {
    for (const segment of (facts ?? (await this.facts()))?.heads ?? [])
      for (const note of await this.#segment(segment))
        yield keptHeadOf(Buffer.from(parsed(z.string(), note, 'a kept head')));
  }

  /** Every retry key. @throws TlogError malformed_answer for a file that is not as it was written */
  async *retries(facts?: LogBackup): AsyncGenerator<KeyedRetry> {
    for (const segment of (facts ?? (await this.facts()))?.retries ?? [])
      for (const retry of await this.#segment(segment)) yield parseRetry(retry);
  }

  /** Every id and retry key of events. @throws TlogError malformed_answer for a file that is not as it was written */
  async *eventRows(facts?: LogBackup): AsyncGenerator<KnownEventRow> {
    for (const segment of (facts ?? (await this.facts()))?.events ?? [])
      for (const row of await this.#segment(segment)) yield parseEventRow(row);
  }

  /** What is stored of events, by index. @throws TlogError malformed_answer for a file that is not as it was written */
  async *payloads(facts?: LogBackup): AsyncGenerator<PayloadCopy> {
    for (const segment of (facts ?? (await this.facts()))?.payloads?.files ?? [])
      for (const payload of await this.#segment(segment)) yield parsePayload(payload);
  }

  /** Seeds of events, by index. @throws TlogError malformed_answer for a file that is not as it was written */
  async *seeds(facts?: LogBackup): AsyncGenerator<SeedRun> {
    for (const segment of (facts ?? (await this.facts()))?.seeds?.files ?? [])
      for (const run of await this.#segment(segment)) yield parseSeeds(run);
  }

  async #segment({ file, rows, sha256 }: Segment): Promise<readonly unknown[]> {
    const bytes = await readBounded(join(this.path, file), SEGMENT_BYTES_MAX);
    const isWhole = bytes !== undefined && createHash('sha256').update(bytes).digest('hex') === sha256;
    const lines = isWhole ? Buffer.from(bytes).toString('utf8').split('\n').slice(0, -1) : [];
    if (isWhole && lines.length === rows) return lines.map(parseJson);
    throw new TlogError(
      'malformed_answer',
      `${join(this.path, file)} is not as it was written; take the backup anew`,
    );
  }
}

/** The lines of a segment, and what `backup.json` is to say of it. */
export function formatSegment(file: string, rows: readonly unknown[]): { text: string; segment: Segment } {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return {
    text,
    segment: { file, rows: rows.length, sha256: createHash('sha256').update(text).digest('hex') },
  };
}

/** A retry as a member of an answer or a line of a file: bytes in hex. */
export function formatRetry({ key, firstIndex, count, contentHash }: KeyedRetry): object {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return { key: hex(key), firstIndex, count, contentHash: hex(contentHash) };
}

/** @throws TlogError malformed_answer */
export function parseRetry(value: unknown): KeyedRetry {
  const { key, firstIndex, count, contentHash } = parsed(retrySchema, value, 'a retry key');
  return {
    key: parseHex(key, 32),
    firstIndex: leafIndex(firstIndex),
    count,
    contentHash: parseHex(contentHash, 32),
  };
}

/** Whether a folder is a backup. @throws TlogError schema_unsupported for one of another version */
export async function isBackup(folder: string): Promise<boolean> {
  const text = await readText(join(folder, BACKUP_FILE));
  if (text === undefined) return false;
  const { schema } = parsed(
    z.looseObject({ schema: z.unknown() }),
    parseJson(text),
    `${folder}/${BACKUP_FILE}`,
  );
  if (schema === BACKUP_SCHEMA) return true;
  const message = `${folder} is a backup of schema ${JSON.stringify(schema)}; this version reads ${BACKUP_SCHEMA}`;
  throw new TlogError('schema_unsupported', message);
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new TlogError('malformed_answer', `this is not ${what}: ${result.error.issues[0]?.message}`, {
    cause: result.error,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TlogError('malformed_answer', 'a file of the backup is not JSON', { cause });
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
