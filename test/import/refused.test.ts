import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/core/encoding/canonical-json.ts';
import type { JsonObject } from '../../src/core/encoding/strict-json.ts';
import { TlogError } from '../../src/core/error.ts';
import { parseEvent } from '../../src/core/event/event.ts';
import { parseFieldMap } from '../../src/import/field-map.ts';
import { createMapping, type ImportFormat } from '../../src/import/import-format.ts';
import { zoneOf } from '../../src/import/time.ts';
import { committed, eventOf } from './records.ts';

const UTC = { year: 2024, zone: zoneOf('UTC') };
const aws = { eventName: 'GetObject', eventTime: '2026-01-02T03:04:05Z', eventSource: 's3.amazonaws.com' };
const windows = {
  EventID: 4624,
  UtcTime: '2026-01-02 03:04:05.678',
  SourceName: 'Microsoft-Windows-Security-Auditing',
  Hostname: 'H',
};
const k8s = { verb: 'get', requestReceivedTimestamp: '2026-01-02T03:04:05.678901Z' };

/** The error that a record is refused with. */
function refusal(format: ImportFormat, record: string | object, options = {}): TlogError {
  try {
    eventOf(format, record, options);
  } catch (error) {
    if (error instanceof TlogError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('IMPORT-5 what cannot be mapped is refused with the reason', () => {
  test.each<[ImportFormat, string | object, string]>([
    ['cloudtrail', '', 'is an empty line'],
    ['cloudtrail', 'x', 'is not JSON that can be taken over: a value is missing'],
    ['cloudtrail', '[]', 'is not an object of JSON'],
    ['cloudtrail', '{"a":1,"a":2}', '/a: this member is there twice'],
    ['cloudtrail', '{"userAgent":"\\ud800"}', '/userAgent: a text has half of a surrogate pair'],
    ['cloudtrail', `{"a":${'['.repeat(31)}${']'.repeat(31)}}`, 'nested deeper than 31'],
    ['cloudtrail', { Records: [] }, 'is a list: give each item of Records a line'],
    ['cloudtrail', { ...aws, eventName: '' }, 'has no eventName'],
    ['cloudtrail', { ...aws, eventTime: undefined }, 'has no eventName, or neither eventTime nor @timestamp'],
    ['cloudtrail', { ...aws, eventTime: '2026-02-30T03:04:05Z' }, 'has a time that is none: 2026-02-30'],
    ['cloudtrail', { ...aws, eventTime: '2026-01-02T03:04:60Z' }, 'has a time that is none'],
    ['cloudtrail', { ...aws, eventTime: '2026-01-02T03:04:05' }, 'has a time without its zone'],
    ['cloudtrail', { ...aws, eventName: 'x'.repeat(200) }, 'makes no event: /action'],
    ['windows-event', { ...windows, EventID: '4624' }, 'has no EventID that is a number'],
    ['windows-event', { EventID: 1 }, 'has neither UtcTime nor EventTime nor @timestamp'],
    ['k8s-audit', { kind: 'EventList', items: [] }, 'is an EventList'],
    ['k8s-audit', { ...k8s, verb: undefined }, 'has no verb'],
    ['syslog', 'hello', 'is no line of a system log'],
    ['syslog', 'Foo 12 03:04:05 h app: m', 'has a month that is none: Foo'],
    ['syslog', 'Jan 32 03:04:05 h app: m', 'has a time that is none'],
    ['syslog', 'Feb 29 25:04:05 h app: m', 'has a time that is none'],
    ['syslog', '<13>1 - h app - - - m', 'has no time'],
    ['syslog', '<13>1 2026-01-02T03:04:05Z h app - - [a b="c] m', 'has structured data that are none'],
    ['syslog', '<13>1 2026-01-02T03:04:05Z h app - - [a][a] m', 'has structured data that are none'],
    [
      'syslog',
      `<13>1 2026-01-02T03:04:05Z h app - - [a b="${'c'.repeat(65_530)}"]`,
      'more than 65536 characters',
    ],
    ['sshd', 'sshd: Accepted', 'is no line of a system log'],
  ])('%s %j', (format, record, reason) => {
    const { code, message } = refusal(format, record, UTC);
    expect([code, message]).toEqual(['unmappable_record', expect.stringContaining(reason)]);
  });

  test.each<[ImportFormat, string | object, object, string | undefined]>([
    ['sshd', 'Dec 10 06:55:46 h sshd[1]: m', { zone: zoneOf('Z') }, 'year'],
    ['sshd', 'Dec 10 06:55:46 h sshd[1]: m', { year: 2024 }, 'timezone'],
    ['syslog', '2026-01-02T03:04:05 h app: m', {}, 'timezone'],
    ['windows-event', { EventID: 1, EventTime: '2026-01-02 03:04:05' }, {}, 'timezone'],
    // No option gives these a zone, and none must end an import for one record.
    ['cloudtrail', { ...aws, eventTime: '2026-01-02T03:04:05' }, {}, undefined],
    ['k8s-audit', { ...k8s, requestReceivedTimestamp: '2026-01-02T03:04:05' }, {}, undefined],
    ['windows-event', { EventID: 1, '@timestamp': '2026-01-02T03:04:05' }, {}, undefined],
  ])('%s %j: says which option is needed', (format, record, options, option) => {
    const { code, details } = refusal(format, record, options);
    expect([code, details]).toEqual(['unmappable_record', option === undefined ? {} : { option }]);
  });

  test('bytes that are no UTF-8 are refused in JSON and shown as U+FFFD in lines', () => {
    const bytes = Uint8Array.of(
      ...new TextEncoder().encode('Dec 10 06:55:46 h sshd[1]: Invalid user '),
      0xff,
    );
    const map = createMapping('cloudtrail', {});
    expect(() => map(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('is not UTF-8');
    expect(createMapping('sshd', UTC)(bytes)?.['data']).toMatchObject({ message: 'Invalid user \ufffd' });
  });
});

describe('IMPORT-3 what has no room stays in raw', () => {
  const taken = (event: JsonObject): void => void parseEvent(canonicalJson(committed(event)));

  test.each([0, 1, 2])('data ends at its limit: %i bytes over', (over) => {
    const small = eventOf('cloudtrail', { ...aws, small: 'kept', large: '' });
    const room = 48 * 1_024 - canonicalJson(small['data'] ?? {}).length;
    const event = eventOf('cloudtrail', { ...aws, small: 'kept', large: 'x'.repeat(room + over) });
    expect(Object.keys(event['data'] ?? {}).includes('large')).toBe(over === 0);
    expect(event['data']).toMatchObject({ small: 'kept' });
    taken(event);
  });

  test('the largest members go first, until the whole event has room', () => {
    const resources = Array.from({ length: 32 }, (_, i) => ({ ARN: `${i}`.padEnd(1_000, 'x') }));
    const event = eventOf('cloudtrail', { ...aws, resources, a: 'a'.repeat(9_000), b: 'b'.repeat(30_000) });
    expect(Object.keys(event['data'] ?? {}).sort()).toEqual(['a', 'eventName']);
    taken(event);
  });

  test('texts that are too long for their member stay in data', () => {
    const event = eventOf('cloudtrail', { ...aws, userAgent: 'x'.repeat(8_193), requestID: 'y'.repeat(200) });
    expect(event['data']).toMatchObject({ userAgent: 'x'.repeat(8_193) });
    expect(event['trace']).toEqual({ request_id: 'y'.repeat(200) });
  });

  test('a member whose name has a slash is not another one', () => {
    const { data, actor } = eventOf('cloudtrail', {
      ...aws,
      'userIdentity/arn': 'a',
      '/userIdentity': 'b',
      __proto__: 1,
    });
    expect(data).toMatchObject({ 'userIdentity/arn': 'a', '/userIdentity': 'b' });
    expect(actor).toMatchObject({ id: 'unknown' });
  });

  test('a record of 5 MiB is taken, and none that is longer', () => {
    const record = (length: number): string => {
      const head = `{"eventName":"A","eventTime":"2026-01-02T03:04:05Z","x":"`;
      return `${head}${'x'.repeat(length - head.length - 2)}"}`;
    };
    taken(eventOf('cloudtrail', record(5 * 1_024 * 1_024)));
    expect(refusal('cloudtrail', record(5 * 1_024 * 1_024 + 1)).message).toContain(
      'is longer than 5242880 bytes',
    );
  });
});

describe('IMPORT-6 times', () => {
  const timeOf = (time: string, zone?: string): unknown =>
    eventOf('syslog', `${time} h app: m`, {
      year: 2024,
      zone: zone === undefined ? undefined : zoneOf(zone),
    })['time'];

  test.each([
    ['2026-01-02T03:04:05Z', undefined, '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05.123456789+02:30', undefined, '2026-01-02T00:34:05.123456789Z'],
    ['2026-01-02T03:04:05.1234567891Z', undefined, '2026-01-02T03:04:05.123456789Z'],
    ['2026-01-02T03:04:05-0800', 'UTC', '2026-01-02T11:04:05Z'],
    ['2026-01-02T03:04:05', '+05:45', '2026-01-01T21:19:05Z'],
    ['2026-01-02T03:04:05', '-0330', '2026-01-02T06:34:05Z'],
    ['Feb 29 03:04:05', 'UTC', '2024-02-29T03:04:05Z'],
    ['Feb  1 03:04:05.25', 'UTC', '2024-02-01T03:04:05.25Z'],
    ['Jul  1 03:04:05', 'Europe/Berlin', '2024-07-01T01:04:05Z'],
    ['Jan  1 00:04:05', 'Europe/Berlin', '2023-12-31T23:04:05Z'],
    // Clocks show 02:30 twice on the first of these days, and never on the second.
    ['Oct 27 02:30:00', 'Europe/Berlin', '2024-10-27T00:30:00Z'],
    ['Oct 27 03:00:00', 'Europe/Berlin', '2024-10-27T02:00:00Z'],
    ['Mar 31 02:30:00', 'Europe/Berlin', '2024-03-31T01:30:00Z'],
    ['Nov  3 01:30:00', 'America/New_York', '2024-11-03T05:30:00Z'],
    ['Mar 10 02:30:00', 'America/New_York', '2024-03-10T07:30:00Z'],
  ])('%s in %s is %s', (given, zone, utc) => {
    expect(timeOf(given, zone)).toBe(utc);
  });

  test.each(['', 'Mars/Olympus', '+24:00', '+01:60', '1', 'local'])('no zone: %j', (name) => {
    expect(zoneOf(name)).toBeUndefined();
  });

  test('a year ends where December is followed by January, though lines are not quite in order', () => {
    const map = createMapping('syslog', UTC);
    const time = (day: string): unknown =>
      map(new TextEncoder().encode(`${day} 01:00:00 h app: m`))?.['time'];
    expect(
      ['Nov  1', 'Dec 31', 'Jan  1', 'Dec 31', 'Jan  1', 'Mar  1', 'Jun 30', 'Dec  1', 'Jan  2'].map(time),
    ).toEqual(
      [2024, 2024, 2025, 2024, 2025, 2025, 2025, 2025, 2026].map((year) =>
        expect.stringContaining(`${year}-`),
      ),
    );
  });
});

describe('IMPORT-7 names in messages are as the client sent them', () => {
  test.each([
    [
      'Failed password for invalid user a from 1.1.1.1 port 1 ssh2 from 9.9.9.9 port 22 ssh2',
      'a from 1.1.1.1 port 1 ssh2',
      '9.9.9.9',
    ],
    ['Invalid user root from 1.1.1.1 from 9.9.9.9', 'root from 1.1.1.1', '9.9.9.9'],
    ['Failed password for root from fe80::1%eth0 port 22 ssh2', 'root', 'fe80::1%eth0'],
    ['Accepted publickey for alice from 192.0.2.1 port 5 ssh2: ED25519 SHA256:abc', 'alice', '192.0.2.1'],
    ['Invalid user  from 192.0.2.1 port 5', '192.0.2.1', '192.0.2.1'],
    ['Disconnected from authenticating user root 192.0.2.1 port 5 [preauth]', 'root', '192.0.2.1'],
    ['Connection reset by invalid user a b 192.0.2.1 port 5 [preauth]', 'a b', '192.0.2.1'],
    ['Received disconnect from ::1: 11: bye', '::1', '::1'],
    ['Received disconnect from 192.0.2.1 port 5:11: bye [preauth]', '192.0.2.1', '192.0.2.1'],
    ['User bob from 192.0.2.1 not allowed because not listed in AllowUsers', 'bob', '192.0.2.1'],
    [
      'pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1 user=eve',
      'eve',
      '192.0.2.1',
    ],
  ])('%s', (message, actor, ip) => {
    const event = eventOf('sshd', `Dec 10 06:55:46 h sshd[1]: ${message}`, UTC);
    expect(event).toMatchObject({ actor: { id: actor }, source: { ip }, data: { message } });
  });

  test('a message that is longer than any of sshd is not looked at', () => {
    const event = eventOf(
      'sshd',
      `Dec 10 06:55:46 h sshd[1]: Invalid user ${'rhost='.repeat(100_000)} from 1.1.1.1`,
      UTC,
    );
    expect(event).toMatchObject({ action: 'sshd.message', actor: { id: 'sshd' } });
  });

  test('a line of another program is a line of a system log', () => {
    const line = 'Dec 10 06:55:46 h CRON[7]: (root) CMD (true)';
    expect({ ...eventOf('sshd', line, UTC), raw: {} }).toEqual({ ...eventOf('syslog', line, UTC), raw: {} });
  });
});

describe('IMPORT-8 outcomes', () => {
  test.each([
    [{}, 'success'],
    [{ errorCode: 'AccessDenied' }, 'denied'],
    [{ errorCode: 'Client.UnauthorizedOperation' }, 'denied'],
    [{ errorCode: 'NoSuchKey' }, 'failure'],
    [{ errorMessage: 'Failed authentication' }, 'failure'],
    [{ eventName: 'ConsoleLogin', responseElements: { ConsoleLogin: 'Failure' } }, 'failure'],
    [{ eventName: 'ConsoleLogin', responseElements: { ConsoleLogin: 'Success' } }, 'success'],
  ])('cloudtrail %j', (members, outcome) => {
    expect(eventOf('cloudtrail', { ...aws, ...members })['outcome']).toBe(outcome);
  });

  test.each([
    [undefined, 'unknown'],
    [200, 'success'],
    [399, 'success'],
    [400, 'failure'],
    [401, 'denied'],
    [403, 'denied'],
    [404, 'failure'],
  ])('k8s-audit %s', (code, outcome) => {
    expect(eventOf('k8s-audit', { ...k8s, responseStatus: { code } })['outcome']).toBe(outcome);
  });

  test.each([
    ['AUDIT_SUCCESS', 'success'],
    ['AUDIT_FAILURE', 'failure'],
    ['ERROR', 'failure'],
    ['INFO', 'unknown'],
  ])('windows-event %s', (EventType, outcome) => {
    expect(eventOf('windows-event', { ...windows, EventType })['outcome']).toBe(outcome);
  });
});

describe('IMPORT-4 ids', () => {
  const names = { Hostname: 'H.example', Channel: 'A B/C', RecordNumber: 7 };

  test.each<[ImportFormat, string | object, string | undefined]>([
    ['cloudtrail', { ...aws, eventID: 'fd4f-1' }, 'fd4f-1'],
    ['cloudtrail', { ...aws, eventID: 'a b' }, undefined],
    ['cloudtrail', { ...aws, eventID: '12' }, undefined],
    ['cloudtrail', { ...aws, eventID: 'tail' }, undefined],
    ['cloudtrail', { ...aws, eventID: 'x'.repeat(201) }, undefined],
    ['cloudtrail', aws, undefined],
    ['k8s-audit', { ...k8s, auditID: 'a-1', stage: 'Panic' }, 'a-1:Panic'],
    ['k8s-audit', { ...k8s, auditID: 'ä', stage: 'Panic' }, '~c3~a4:Panic'],
    ['k8s-audit', { ...k8s, auditID: 'a-1' }, undefined],
    ['windows-event', { ...windows, ...names }, 'windows:H.example:A~20B~2fC:7:2026-01-02T03:04:05.678Z'],
    ['windows-event', { ...windows, ...names, Hostname: 'h'.repeat(200) }, undefined],
    ['windows-event', { ...windows, ...names, RecordNumber: undefined }, undefined],
    ['sshd', 'Dec 10 06:55:46 h sshd[1]: m', undefined],
    ['syslog', '<13>1 2026-01-02T03:04:05Z h app - ID47 - m', undefined],
  ])('%s %j', (format, record, id) => {
    const event = eventOf(format, record, UTC);
    expect(event['id']).toBe(id);
    if (format === 'cloudtrail' && typeof record === 'object' && 'eventID' in record && id === undefined)
      expect(event['data']).toMatchObject({ eventID: record.eventID });
  });
});

test('IMPORT-9 who was impersonated, and whose role was used, is the effective identity', () => {
  const role = { type: 'Role', arn: 'arn:r', userName: 'r' };
  const sessionContext = { sourceIdentity: 'alice', sessionIssuer: role };
  const userIdentity = { type: 'AssumedRole', arn: 'arn:s', sessionContext };
  expect(eventOf('cloudtrail', { ...aws, userIdentity })['actor']).toEqual({
    type: 'sourceIdentity',
    id: 'alice',
    effective: { type: 'AssumedRole', id: 'arn:s', effective: { type: 'Role', id: 'arn:r', name: 'r' } },
  });
  const users = { user: { username: 'bob' }, impersonatedUser: { username: 'system:admin' } };
  expect(eventOf('k8s-audit', { ...k8s, ...users })['actor']).toEqual({
    type: 'user',
    id: 'bob',
    effective: { type: 'user', id: 'system:admin' },
  });
});

describe('IMPORT-10 maps', () => {
  const members = {
    time: { from: 't' },
    action: { from: 'a' },
    outcome: { text: 'success' },
    'actor.type': { text: 'user' },
    'actor.id': { from: 'u' },
  };
  const mapOf = (extra: object): string => JSON.stringify({ format: 'f', members: { ...members, ...extra } });
  const row = (map: string, ...lines: string[]): JsonObject[] => {
    const mapping = createMapping('csv', { map: parseFieldMap(map) });
    return lines
      .map((line) => mapping(new TextEncoder().encode(line)))
      .filter((event) => event !== undefined);
  };

  test.each([
    ['x', 'a value is missing'],
    ['[]', 'an object'],
    ['{"format":"f"}', '/members: an object'],
    ['{"format":"","members":{}}', '/format: '],
    ['{"format":"f","members":{}}', '/members: time is missing'],
    ['{"format":"f","members":{},"more":1}', '/more: no member of this'],
    [mapOf({ schema: { text: 'x' } }), '/members/schema: no member that a map sets'],
    [mapOf({ 'labels.': { text: 'x' } }), '/members/labels.: no member that a map sets'],
    [mapOf({ kind: 'api' }), '/members/kind: an object'],
    [mapOf({ kind: {} }), '/members/kind: either text, or from'],
    [mapOf({ kind: { text: 'api', from: 'k' } }), '/members/kind: either text, or from'],
    [mapOf({ kind: { text: 'api', prefix: 'k' } }), '/members/kind: either text, or from'],
    [mapOf({ kind: { from: 'k', match: 'a' } }), '/members/kind/match: a regular expression with a group'],
    [mapOf({ kind: { from: 'k', match: '(' } }), '/members/kind/match: a regular expression with a group'],
    [mapOf({ kind: { from: 'k', values: { a: 1 } } }), '/members/kind/values: an object of texts'],
  ])('refuses %s', (map, reason) => {
    expect(() => parseFieldMap(map)).toThrow(reason);
  });

  test.each([
    ['t,a,u,a', 'has "a" twice'],
    ['t,a', 'has no "u"'],
  ])('refuses the header line %s', (header, reason) => {
    expect(() => row(mapOf({}), header)).toThrow(reason);
  });

  test('formats that need one refuse to do without', () => {
    for (const format of ['csv', 'json'] as const)
      expect(() => createMapping(format, {})).toThrow('need one');
  });

  test.each([
    ['2026-01-02T03:04:05Z,a', 'has 2 fields where the header line has 4'],
    ['2026-01-02T03:04:05Z,a,u,"x"y', 'has a quote in its field 4'],
    ['2026-01-02T03:04:05Z,a,u,x"y', 'has a quote in its field 4'],
    ['2026-01-02T03:04:05Z,a,u,"x', 'has a quoted field without an end'],
    ['2026-01-02T03:04:05Z,a,u,"x""', 'has a quoted field without an end'],
    ['2026-01-02T03:04:05Z,a,u,"', 'has a quoted field without an end'],
    ['2026-01-02T03:04:05Z,a,,x', 'has nothing for actor.id'],
    ['2026-01-02T03:04:05Z,a,-,x', 'has nothing for actor.id'],
  ])('refuses the record %j', (line, reason) => {
    expect(() => row(mapOf({}), 't,a,u,x', line)).toThrow(reason);
  });

  test('reads quoted fields, a byte order mark and line ends of both sorts', () => {
    const [event] = row(mapOf({}), '\ufefft,a,u,"x ""y"""\r', '2026-01-02T03:04:05Z,a,"b\n""c"", d",\r');
    expect(event).toMatchObject({ actor: { id: 'b\n"c", d' }, data: { 'x "y"': '' } });
  });

  test('reads fields of megabytes', () => {
    const field = '"",'.repeat(1_500_000);
    const [event] = row(mapOf({}), 't,a,u,x', `2026-01-02T03:04:05Z,a,u,"${field}"`);
    expect(event).toMatchObject({ actor: { id: 'u' } });
    expect(event).not.toHaveProperty('data.x');
  });

  test('takes the first rule that gives something, and leaves in data what is not taken over as it is', () => {
    const rules = {
      kind: [{ from: 'k', values: { x: 'api' } }, { text: 'system' }],
      'targets.id': { from: 'k', match: '^(.)', prefix: 'id-' },
      'targets.type': { text: 'thing' },
      'labels.k': { from: 'k' },
      action: { from: 'a', prefix: 'App.' },
    };
    const [known, other] = row(
      mapOf(rules),
      't,a,u,k',
      '2026-01-02T03:04:05Z,Do It,u,x',
      '2026-01-02T03:04:05Z,b,u,yz',
    );
    expect(known).toMatchObject({
      kind: 'api',
      action: 'app.do_it',
      targets: [{ type: 'thing', id: 'id-x' }],
    });
    expect(known).toMatchObject({ labels: { k: 'x' }, data: { a: 'Do It' } });
    expect(other).toMatchObject({ kind: 'system', targets: [{ id: 'id-y' }], labels: { k: 'yz' } });
  });

  test('what is too long for a member is as if it were not there', () => {
    const [event] = row(
      mapOf({ 'labels.k': { from: 'k' } }),
      't,a,u,k',
      `2026-01-02T03:04:05Z,a,u,${'x'.repeat(501)}`,
    );
    expect(event).not.toHaveProperty('labels');
    expect(event).toHaveProperty(['data', 'k'], 'x'.repeat(501));
  });
});
