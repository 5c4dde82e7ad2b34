import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canonicalJson, isObject } from '../../src/core/encoding/canonical-json.ts';
import { type JsonObject, type JsonValue, parseForeignJson } from '../../src/core/encoding/strict-json.ts';
import { parseEvent } from '../../src/core/event/event.ts';
import { csvFields } from '../../src/import/csv.ts';
import { IMPORT_FORMATS } from '../../src/import/import-format.ts';
import {
  committed,
  type Imported,
  importedFrom,
  importedSample,
  leavesOf,
  REAL_DATA_ABSENT,
  rawOf,
  realLog,
  SAMPLES,
  type Sample,
} from './records.ts';

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'import');
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test('there is a sample of every format', () => {
  expect(SAMPLES.map(({ format }) => format)).toEqual(IMPORT_FORMATS);
});

describe.each(SAMPLES)('IMPORT-1 $format', (sample) => {
  test('makes the events that are written down', async () => {
    const shown = (await importedSample(sample)).map(
      ({ event, refused }) => refused ?? withoutContent(event ?? {}),
    );
    await expect(`${JSON.stringify(shown, undefined, 2)}\n`).toMatchFileSnapshot(
      join(GOLDEN, `${sample.format}.json`),
    );
  });

  test('makes events that a log takes, and the same ones again', async () => {
    const [first, second] = [await importedSample(sample), await importedSample(sample)];
    expect(second).toEqual(first);
    for (const { event } of first) if (event !== undefined) parseEvent(canonicalJson(committed(event)));
  });

  test('keeps every record byte for byte', async () => {
    for (const { bytes, event } of await importedSample(sample))
      if (event !== undefined) expect(rawOf(event)).toEqual(bytes);
  });

  test('IMPORT-3 loses no member of a record', async () => {
    const lost = lostBy(sample);
    for (const imported of await importedSample(sample)) expect(lost(imported)).toEqual([]);
  });
});

function withoutContent({ raw, ...members }: JsonObject): JsonObject {
  const { content: _, ...described } = raw !== undefined && isObject(raw) ? raw : {};
  return { ...members, raw: described };
}

/** Values of a record, by a reader that shares nothing with the mapping, that stand nowhere in its event but in `raw`. */
function lostBy({ format, options }: Omit<Sample, 'file'>): (imported: Imported) => string[] {
  let columns: string[] | undefined;
  const valuesOf = (bytes: Uint8Array): [string, JsonValue][] => {
    if (format === 'sshd' || format === 'syslog') return partsOfLine(text(bytes));
    if (format !== 'csv') return leavesOf(parseForeignJson(text(bytes), 32, () => new Error('no JSON')));
    const fields = csvFields(bytes);
    return fields.map((value, i) => [`/${columns?.[i]}`, value]);
  };
  return ({ bytes, event }) => {
    if (format === 'csv' && columns === undefined) {
      columns = csvFields(bytes);
      return [];
    }
    if (event === undefined) return [];
    const { raw: _, data = {}, ...mapped } = event;
    const inData = new Map(leavesOf(data));
    const elsewhere = leavesOf(mapped).map(([, value]) => String(value));
    const isThere = ([place, value]: [string, JsonValue]): boolean =>
      inData.get(place) === value ||
      elsewhere.includes(String(value)) ||
      // Lines do not name their parts.
      ((format === 'sshd' || format === 'syslog') && [...inData.values()].includes(value)) ||
      isInIdOrTime(event, String(value), options.zone !== undefined);
    return valuesOf(bytes)
      .filter((member) => !isThere(member))
      .map(([place, value]) => `${place} ${value}`);
  };
}

/** Times are told in UTC, and ids of several parts hold each of them. */
function isInIdOrTime({ id, time }: JsonObject, value: string, isLocal: boolean): boolean {
  if (String(id).split(':').includes(value)) return true;
  const ms = Date.parse(isLocal && !/Z|[+-][0-9]{2}:[0-9]{2}$/.test(value) ? `${value}Z` : value);
  return !Number.isNaN(ms) && ms === Date.parse(String(time));
}

/** Parts of a line that are found without knowing its form: words up to the first colon that ends a tag, and what follows. */
function partsOfLine(line: string): [string, JsonValue][] {
  const [, clock = '', host = '', app = '', pid = '', message = line] =
    /^(?:<\d+>)?(?:[A-Z][a-z]{2} [ \d]\d |\S+T)(\d\d:\d\d:\d\d)\S* (\S+) ([^\s:[]+)(?:\[(\d+)\])?: (.*)$/.exec(
      line,
    ) ?? [];
  const parts = { clock, host, app, pid, message };
  return Object.entries(parts)
    .filter(([name, value]) => value !== '' && name !== 'clock' && !(name === 'message' && message === line))
    .map(([name, value]) => [`/${name}`, value]);
}

describe.skipIf(REAL_DATA_ABSENT !== undefined)('IMPORT-1 whole logs of real systems', () => {
  if (REAL_DATA_ABSENT !== undefined) console.warn(`skipped: ${REAL_DATA_ABSENT}`);

  test.each([
    ['cloudtrail.jsonl', 'cloudtrail', 103],
    ['windows-security.jsonl.gz', 'windows-event', 40_569],
    ['sshd.log', 'sshd', 2_000],
    ['s3-access.csv', 'csv', 301],
  ])('%s', async (file, format, count) => {
    const sample = SAMPLES.find((known) => known.format === format);
    if (sample === undefined) throw new TypeError(`no sample of ${format}`);
    const lost = lostBy(sample);
    let events = 0;
    for await (const imported of importedFrom(realLog(file), sample)) {
      if (imported.refused !== undefined) expect(imported.refused).toBeUndefined();
      // A look at every 20th is enough of the largest.
      if (events % (count > 10_000 ? 20 : 1) === 0) expect(lost(imported)).toEqual([]);
      if (imported.event !== undefined) events += 1;
    }
    expect(events).toBe(count);
  });
});
