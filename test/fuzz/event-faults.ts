/** What is wrong with an event, and how it must be refused. */
export interface EventFault {
  /** Names that lead to the member that is written otherwise; none: the event itself. */
  readonly at: readonly string[];
  /** JSON of what is there instead; undefined: it is left out. */
  readonly json: string | undefined;
  readonly code: 'invalid_event' | 'raw_mismatch' | 'event_too_large';
  /** What the refusal points to, as a JSON Pointer from the event on. */
  readonly pointer: string;
}

type Row = readonly [at: string, json: string | undefined, behind?: string];

const RAW = '{"format":"f","media_type":"m","content":"eg=="}';
const rawWith = (member: string): string => `${RAW.slice(0, -1)},${member}}`;
const long = (length: number): string => 'x'.repeat(length);
const many = (count: number, item: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => item(i)).join();
const DEEPEST = '{"a":'.repeat(31);

/** The member, what it says, and what in it is pointed to. A member with a slash is one of another. */
const INVALID: readonly Row[] = [
  ['more', '1'],
  ['', 'null'],
  ['', '3'],
  ['', '"x"'],
  ['action', undefined],
  ['action', '"User.login"'],
  ['action', '"a..b"'],
  ['time', undefined],
  ...[
    '2026-02-30T00:00:00Z',
    '2026-11-18T11:06:60Z',
    '2026-11-18t11:06:40Z',
    '2026-11-18T11:06:40.0123456789Z',
  ].map((time): Row => ['time', `"${time}"`]),
  ...[
    '"7"',
    '"stats"',
    '"tail"',
    '"evidence"',
    '"."',
    '".."',
    '"a/b"',
    '"ä"',
    '""',
    'null',
    `"${long(201)}"`,
  ].map((id): Row => ['id', id]),
  ['schema', '"audit-event/2"'],
  ['schema', 'null'],
  ['outcome', '"maybe"'],
  ['kind', '"x"'],
  ['operation', '1'],
  ['tenant', '""'],
  ['tenant', `"${long(201)}"`],
  ['actor', '[]'],
  ['actor/id', undefined],
  ['actor/a~1b~0c', '1'],
  ['actor/name', `"${long(1_025)}"`],
  ['actor/groups', '["a",""]', '/1'],
  ['actor/effective', '{"type":"t"}', '/id'],
  ['targets', `[${many(33, () => '{"type":"t","id":"i"}')}]`],
  ['targets', '[{"type":"t","id":"i","x":1}]', '/0/x'],
  ['labels', '{"a":1}', '/a'],
  ['labels', `{${many(51, (i) => `"l${i}":""`)}}`],
  ['labels', `{"${long(41)}":""}`, `/${long(41)}`],
  ['changes', '[{"path":"x"}]', '/0/path'],
  ['data', '[]'],
  ['data', `{"a":"${long(48 * 1024 - 7)}"}`],
  ...['1.5', '-0', '1e3', '9007199254740992', '01', '+1', 'NaN', 'undefined', '"\\ud800"', '"\\x"'].map(
    (value): Row => ['data', `{"n":[0,${value}]}`, '/n/1'],
  ),
  ['data', '{"a":{},"a":2}', '/a'],
  ['data', `${DEEPEST}{"a":1}${'}'.repeat(31)}`, '/a'.repeat(31)],
  ['raw', RAW.replace('eg==', 'eh=='), '/content'],
  ['raw', RAW.replace('"eg=="', '3'), '/content'],
  ['raw', RAW.replace('"format":"f",', ''), '/format'],
  ['raw', rawWith('"more":1'), '/more'],
];

const faultOf = ([path, json, behind = '']: Row, code: EventFault['code'] = 'invalid_event'): EventFault => {
  const at =
    path === '' ? [] : path.split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  return { at, json, code, pointer: `${path === '' ? '' : `/${path}`}${behind}` };
};

/** One of each sort, and those on the far side of each bound. */
export const EVENT_FAULTS: readonly EventFault[] = [
  ...INVALID.map((row) => faultOf(row)),
  faultOf(['raw', rawWith('"size":2'), '/size'], 'raw_mismatch'),
  faultOf(['raw', rawWith(`"sha256":"${'A'.repeat(43)}="`), '/sha256'], 'raw_mismatch'),
  {
    ...{ at: ['changes'], code: 'event_too_large', pointer: '' },
    json: `[${many(9, () => `{"path":"","old":"${long(8_192)}"}`)}]`,
  },
];

/** The JSON of an event with a fault. */
export function faultyJson(
  event: Readonly<Record<string, unknown>>,
  { at, json }: Pick<EventFault, 'at' | 'json'>,
): string {
  const [name, ...inner] = at;
  if (name === undefined) return json ?? '';
  const rest = Object.entries(event).filter(([member]) => member !== name);
  const members = rest.map(([member, value]) => `${JSON.stringify(member)}:${JSON.stringify(value)}`);
  const said = inner.length === 0 ? json : faultyJson(event[name] as typeof event, { at: inner, json });
  if (said !== undefined) members.push(`${JSON.stringify(name)}:${said}`);
  return `{${members.join()}}`;
}
