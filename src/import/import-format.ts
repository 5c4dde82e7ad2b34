import { type JsonObject, pointerTo } from '../core/encoding/strict-json.ts';
import { TlogError } from '../core/error.ts';
import { mapCloudTrail } from './cloudtrail.ts';
import { csvFields } from './csv.ts';
import { draftEvent, type Mapped } from './draft.ts';
import { applyFieldMap, type FieldMap, namesRead } from './field-map.ts';
import { mapK8sAudit } from './k8s-audit.ts';
import { jsonMembers, Members } from './members.ts';
import { unmappable } from './refusal.ts';
import { mapSshd } from './sshd.ts';
import { mapSyslog } from './syslog.ts';
import { SyslogReader } from './syslog-line.ts';
import type { Zone } from './time.ts';
import { mapWindowsEvent } from './windows-event.ts';

/** Records that events can be made of. */
export const IMPORT_FORMATS = [
  'cloudtrail',
  'windows-event',
  'k8s-audit',
  'sshd',
  'syslog',
  'csv',
  'json',
] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** What records do not say themselves. */
export interface ImportOptions {
  /** Year of the first line of sshd or syslog that has none. */
  readonly year?: number | undefined;
  /** Zone of times that have none. */
  readonly zone?: Zone | undefined;
  /** Of csv and json, which need it. */
  readonly map?: FieldMap | undefined;
}

/**
 * Makes the event of a record as it is sent to a log, in the order of the records. Undefined for the header line of csv. Each
 * input gives the same events each time.
 * @throws TlogError unmappable_record with the reason; `details.option` says what would have to be given. malformed_import_map for
 *   a header line that does not have what the map reads
 */
export type Mapping = (record: Uint8Array) => JsonObject | undefined;

/** The number is that of the rules in docs/reference/import.md. */
const VERSION = 1;

/** A mapping for one input, from its first record on. @throws TlogError malformed_import_map where a map is needed */
export function createMapping(format: ImportFormat, options: ImportOptions): Mapping {
  if (format === 'csv') return csvMapping(mapOf(options), options.zone);
  const map = recordMapping(format, options);
  const name = format === 'json' ? mapOf(options).format : format;
  const mediaType = format === 'sshd' || format === 'syslog' ? 'text/plain' : 'application/json';
  return (bytes) => {
    if (bytes.length === 0) throw unmappable('is an empty line');
    return draftEvent(map(bytes), { format: `${name}/${VERSION}`, mediaType, bytes });
  };
}

function recordMapping(
  format: Exclude<ImportFormat, 'csv'>,
  options: ImportOptions,
): (record: Uint8Array) => Mapped {
  const { year, zone } = options;
  const lines = new SyslogReader({ year, zone });
  switch (format) {
    case 'cloudtrail':
      return mapCloudTrail;
    case 'k8s-audit':
      return mapK8sAudit;
    case 'windows-event':
      return (record) => mapWindowsEvent(record, { zone });
    case 'sshd':
      return (record) => mapSshd(lines.read(record));
    case 'syslog':
      return (record) => mapSyslog(lines.read(record));
    case 'json': {
      const map = mapOf(options);
      return (record) => applyFieldMap(map, jsonMembers(record), { zone, pointerOf: (name) => name });
    }
  }
}

function csvMapping(map: FieldMap, zone: Zone | undefined): Mapping {
  let columns: readonly string[] | undefined;
  return (bytes) => {
    if (bytes.length === 0) throw unmappable('is an empty line');
    const fields = csvFields(bytes);
    if (columns === undefined) {
      columns = columnsOf(fields, map);
      return undefined;
    }
    if (fields.length !== columns.length)
      throw unmappable(`has ${fields.length} fields where the header line has ${columns.length}`);
    const members = new Members(Object.fromEntries(columns.map((name, i) => [name, fields[i] ?? ''])));
    const mapped = applyFieldMap(map, members, { zone, pointerOf: (name) => pointerTo('', name) });
    return draftEvent(mapped, { format: `${map.format}/${VERSION}`, mediaType: 'text/csv', bytes });
  };
}

/** The names in a header line, each there once. */
function columnsOf(fields: readonly string[], map: FieldMap): readonly string[] {
  const columns = fields.map((name, i) => (i === 0 ? name.replace(/^\uFEFF/, '') : name));
  const twice = columns.find((name, i) => columns.indexOf(name) < i);
  if (twice !== undefined) throw noMap(`the header line has ${JSON.stringify(twice)} twice`);
  const missing = namesRead(map).find((name) => !columns.includes(name));
  if (missing !== undefined) throw noMap(`the header line has no ${JSON.stringify(missing)}`);
  return columns;
}

function mapOf({ map }: ImportOptions): FieldMap {
  if (map === undefined) throw noMap('records of csv and json need one');
  return map;
}

function noMap(why: string): TlogError {
  return new TlogError('malformed_import_map', `not a map for these records: ${why}`);
}
