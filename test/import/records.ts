import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { formatBase64, parseBase64 } from '../../src/core/encoding/base64.ts';
import { isObject } from '../../src/core/encoding/canonical-json.ts';
import type { JsonObject, JsonValue } from '../../src/core/encoding/strict-json.ts';
import { TlogError } from '../../src/core/error.ts';
import { parseFieldMap } from '../../src/import/field-map.ts';
import { createMapping, type ImportFormat, type ImportOptions } from '../../src/import/import-format.ts';
import { cutRecords } from '../../src/import/record-cutter.ts';
import { S3_ACCESS_MAP } from '../../src/import/s3-access-map.ts';
import { zoneOf } from '../../src/import/time.ts';

export const DATA: string = join(import.meta.dirname, 'data');
const SHARED = join(import.meta.dirname, '..', '..', '..', 'shared');

/** Where whole logs of real systems lie, where they do; see their README there. */
export const REAL_DATA: string = join(SHARED, 'data');
/** Why they are not looked at: CI has them where it has their folder. */
export const REAL_DATA_ABSENT: string | undefined =
  existsSync(REAL_DATA) || (process.env['CI'] === 'true' && existsSync(SHARED))
    ? undefined
    : 'there are no real logs in ../shared/data';

/** An input and how it is imported. */
export interface Sample {
  readonly file: string;
  readonly format: ImportFormat;
  readonly options: ImportOptions;
}

const utc = zoneOf('UTC');
const ordersMap = parseFieldMap(await readFile(join(DATA, 'orders.map.json'), 'utf8'));

/** One of every format. */
export const SAMPLES: readonly Sample[] = [
  { file: 'cloudtrail.jsonl', format: 'cloudtrail', options: {} },
  { file: 'windows-event.jsonl', format: 'windows-event', options: {} },
  { file: 'k8s-audit.jsonl', format: 'k8s-audit', options: {} },
  { file: 'sshd.log', format: 'sshd', options: { year: 2023, zone: utc } },
  { file: 'syslog.log', format: 'syslog', options: { year: 2025, zone: utc } },
  { file: 's3-access.csv', format: 'csv', options: { map: parseFieldMap(S3_ACCESS_MAP) } },
  { file: 'orders.jsonl', format: 'json', options: { map: ordersMap, zone: utc } },
];

/** A record and what came of it. */
export interface Imported {
  readonly bytes: Uint8Array;
  /** Undefined where it was refused, and for a header line. */
  readonly event: JsonObject | undefined;
  readonly refused: string | undefined;
}

export async function* importedFrom(
  input: Readable,
  { format, options }: Omit<Sample, 'file'>,
): AsyncGenerator<Imported> {
  const map = createMapping(format, options);
  for await (const { bytes } of cutRecords(input, { quoted: format === 'csv', seen: () => undefined })) {
    if (bytes === undefined) throw new TypeError('no record of the tests is that long');
    yield { bytes, ...outcomeOf(map, bytes) };
  }
}

function outcomeOf(
  map: (record: Uint8Array) => JsonObject | undefined,
  bytes: Uint8Array,
): Omit<Imported, 'bytes'> {
  try {
    return { event: map(bytes), refused: undefined };
  } catch (error) {
    if (error instanceof TlogError && error.code === 'unmappable_record')
      return { event: undefined, refused: error.message };
    throw error;
  }
}

export async function importedSample(sample: Sample): Promise<Imported[]> {
  const found: Imported[] = [];
  for await (const imported of importedFrom(createReadStream(join(DATA, sample.file)), sample))
    found.push(imported);
  return found;
}

/** A whole log of a real system, unpacked. */
export function realLog(file: string): Readable {
  const input = createReadStream(join(REAL_DATA, file));
  return file.endsWith('.gz') ? input.pipe(createGunzip()) : input;
}

/** The event of one record, given as a text. @throws as the mapping does */
export function eventOf(
  format: ImportFormat,
  record: string | object,
  options: ImportOptions = {},
): JsonObject {
  const text = typeof record === 'string' ? record : JSON.stringify(record);
  const event = createMapping(format, options)(new TextEncoder().encode(text));
  if (event === undefined) throw new TypeError('a header line has no event');
  return event;
}

/** What the event says is the record, byte for byte. */
export function rawOf(event: JsonObject): Uint8Array {
  const raw = event['raw'];
  const content = raw !== undefined && isObject(raw) ? raw['content'] : undefined;
  return parseBase64(typeof content === 'string' ? content : '*');
}

/** The form in which the log commits to it: with an id, and a description in place of the raw record. */
export function committed(event: JsonObject): JsonObject {
  const { raw, ...members } = event;
  const { content: _, ...described } = raw !== undefined && isObject(raw) ? raw : {};
  const size = rawOf(event).length;
  return { id: 'x', ...members, raw: { ...described, sha256: formatBase64(new Uint8Array(32)), size } };
}

/** Every value that is neither object nor list, with the place where it stands; empty ones too. */
export function leavesOf(value: JsonValue, pointer = ''): [string, JsonValue][] {
  if (typeof value !== 'object' || value === null) return [[pointer, value]];
  const members = Object.entries(value);
  if (members.length === 0) return [[pointer, Array.isArray(value) ? '[]' : '{}']];
  return members.flatMap(([name, inner]) =>
    leavesOf(inner, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
}
