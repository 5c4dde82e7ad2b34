import { isList, isObject } from '../core/encoding/canonical-json.ts';
import { type JsonObject, type JsonValue, parseStrictJson } from '../core/encoding/strict-json.ts';
import { TlogError } from '../core/error.ts';
import type { LooseMembers, Mapped } from './draft.ts';
import type { Members } from './members.ts';
import { idOf, wordOf } from './names.ts';
import { unmappable } from './refusal.ts';
import { utcTime, type Zone } from './time.ts';

/** Says which member of an event comes from which of a record. */
export interface FieldMap {
  /** Names the sort of record, in `raw.format`. */
  readonly format: string;
  readonly members: readonly (readonly [member: string, rules: readonly Rule[]])[];
}

/** One way to a text: a constant, or what a member of the record makes of it. */
export type Rule =
  | { readonly text: string }
  | {
      readonly from: string;
      /** Its first group is meant. */
      readonly match: RegExp | undefined;
      readonly values: ReadonlyMap<string, string> | undefined;
      readonly prefix: string;
    };

const MAP_DEPTH_MAX = 6;
/** Members that a map can set, and their greatest lengths; those of lists are set for their first item. */
const SETTABLE: ReadonlyMap<string, number> = new Map([
  ...['id', 'time', 'action', 'kind', 'operation', 'outcome', 'tenant'].map(upTo(200)),
  ...['actor.type', 'actor.effective.type', 'targets.type'].map(upTo(100)),
  ...['actor.id', 'actor.name', 'actor.session', 'actor.effective.id', 'actor.effective.name'].map(
    upTo(1_024),
  ),
  ...['targets.id', 'targets.name', 'targets.parent', 'reason.code'].map(upTo(1_024)),
  ...['reason.message', 'source.user_agent'].map(upTo(8_192)),
  ...['source.ip'].map(upTo(256)),
  ...['service.name', 'service.version', 'service.component'].map(upTo(200)),
  ...['trace.trace_id', 'trace.span_id', 'trace.request_id'].map(upTo(200)),
]);
const LABEL = /^labels\.(.{1,40})$/s;
const LABEL_LENGTH_MAX = 500;
const REQUIRED = ['time', 'action', 'outcome', 'actor.type', 'actor.id'];

/** A map from the text of its file. @throws TlogError malformed_import_map */
export function parseFieldMap(json: string): FieldMap {
  const map = parseStrictJson(json, MAP_DEPTH_MAX, malformed);
  const { format, members } = objectOf(map, '', ['format', 'members']);
  if (typeof format !== 'string' || !/^[!-~]{1,100}$/.test(format))
    throw malformed('/format', 'a text of 1 to 100 visible characters of ASCII');
  const entries = Object.entries(objectOf(members, '/members'));
  const missing = REQUIRED.find((name) => !entries.some(([member]) => member === name));
  if (missing !== undefined) throw malformed('/members', `${missing} is missing`);
  return { format, members: entries.map(([member, rules]) => [member, rulesOf(member, rules)]) };
}

function rulesOf(member: string, rules: JsonValue): Rule[] {
  const pointer = `/members/${member}`;
  if (!SETTABLE.has(member) && !LABEL.test(member)) throw malformed(pointer, 'no member that a map sets');
  return (isList(rules) ? rules : [rules]).map((rule) => ruleOf(rule, pointer));
}

function ruleOf(value: JsonValue, pointer: string): Rule {
  const rule = objectOf(value, pointer, ['text', 'from', 'match', 'values', 'prefix']);
  const { text, from, match, values, prefix = '' } = rule;
  if (typeof text === 'string' && Object.keys(rule).length === 1) return { text };
  if (typeof from !== 'string' || typeof prefix !== 'string' || text !== undefined)
    throw malformed(pointer, 'either text, or from with match, values and prefix');
  return { from, prefix, match: patternOf(match, pointer), values: valuesOf(values, pointer) };
}

function patternOf(match: JsonValue | undefined, pointer: string): RegExp | undefined {
  if (match === undefined) return undefined;
  try {
    if (typeof match === 'string' && /\((?!\?)/.test(match)) return new RegExp(match, 'u');
  } catch {
    // SyntaxError is all that it throws
  }
  throw malformed(`${pointer}/match`, 'a regular expression with a group');
}

function valuesOf(values: JsonValue | undefined, pointer: string): ReadonlyMap<string, string> | undefined {
  if (values === undefined) return undefined;
  const entries = Object.entries(objectOf(values, `${pointer}/values`));
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length < entries.length) throw malformed(`${pointer}/values`, 'an object of texts');
  return new Map(texts);
}

/** An object, of these members alone where they are given. */
function objectOf(value: JsonValue | undefined, pointer: string, names?: readonly string[]): JsonObject {
  if (value === undefined || !isObject(value)) throw malformed(pointer, 'an object');
  const other = Object.keys(value).find((name) => names?.includes(name) === false);
  if (other !== undefined) throw malformed(`${pointer}/${other}`, 'no member of this');
  return value;
}

function malformed(pointer: string, detail: string): TlogError {
  return new TlogError('malformed_import_map', `not a map for an import: ${pointer}: ${detail}`, {
    details: { errors: [{ pointer, detail }] },
  });
}

/** Names of the record's members that a map reads. */
export function namesRead({ members }: FieldMap): string[] {
  return members.flatMap(([, rules]) => rules.flatMap((rule) => ('from' in rule ? [rule.from] : [])));
}

/** Applies a map. `pointerOf` gives the place of a member in the record. @throws TlogError unmappable_record */
export function applyFieldMap(
  map: FieldMap,
  of: Members,
  { zone, pointerOf }: { readonly zone: Zone | undefined; readonly pointerOf: (name: string) => string },
): Mapped {
  const texts = new Map<string, string>();
  for (const [member, rules] of map.members) {
    const lengthMax = SETTABLE.get(member) ?? LABEL_LENGTH_MAX;
    const text = textOf(rules, of, { pointerOf, lengthMax, formed: FORMED.get(member) ?? same });
    if (text !== undefined) texts.set(member, text);
    else if (REQUIRED.includes(member)) throw unmappable(`has nothing for ${member}`);
  }
  return { members: eventOf(texts, zone), rest: of.rest() };
}

interface Wanted {
  readonly pointerOf: (name: string) => string;
  readonly lengthMax: number;
  /** Brings a text into the form that the member has. */
  readonly formed: (text: string) => string | undefined;
}

/** What the first rule gives that gives something. A member that is taken over as it is leaves the rest. */
function textOf(
  rules: readonly Rule[],
  of: Members,
  { pointerOf, lengthMax, formed }: Wanted,
): string | undefined {
  for (const rule of rules) {
    if ('text' in rule) return formed(rule.text);
    const pointer = pointerOf(rule.from);
    const whole = of.peekText(pointer);
    const made = whole === undefined ? undefined : madeBy(rule, whole);
    const text = made === undefined ? undefined : formed(made);
    if (text === undefined || text.length > lengthMax) continue;
    if (text === whole) of.drop(pointer);
    return text;
  }
  return undefined;
}

function madeBy(
  { match, values, prefix }: Exclude<Rule, { text: string }>,
  whole: string,
): string | undefined {
  const part = match === undefined ? whole : match.exec(whole)?.[1];
  const value = part === undefined || values === undefined ? part : values.get(part);
  return value === undefined || value === '' ? undefined : `${prefix}${value}`;
}

function eventOf(texts: ReadonlyMap<string, string>, zone: Zone | undefined): LooseMembers {
  const get = (member: string): string | undefined => texts.get(member);
  const group = (name: string, ...members: string[]): LooseMembers =>
    Object.fromEntries(members.map((member) => [member, get(`${name}.${member}`)]));
  const labels = [...texts].flatMap(([member, text]): [string, string][] => {
    const label = LABEL.exec(member)?.[1];
    return label === undefined ? [] : [[label, text]];
  });
  const target = group('targets', 'type', 'id', 'name', 'parent');
  const effective = group('actor.effective', 'type', 'id', 'name');
  return {
    ...{ id: get('id'), time: utcTime(get('time') ?? '', zone), action: get('action') },
    ...{ kind: get('kind'), operation: get('operation'), outcome: get('outcome'), tenant: get('tenant') },
    reason: group('reason', 'code', 'message'),
    actor: {
      ...group('actor', 'type', 'id', 'name', 'session'),
      effective: effective['id'] === undefined ? undefined : effective,
    },
    targets: target['id'] === undefined ? undefined : [target],
    source: group('source', 'ip', 'user_agent'),
    service: group('service', 'name', 'version', 'component'),
    trace: group('trace', 'trace_id', 'span_id', 'request_id'),
    labels: Object.fromEntries(labels),
  };
}

/** Members whose texts have a form of their own. */
const FORMED: ReadonlyMap<string, Wanted['formed']> = new Map<string, Wanted['formed']>([
  ['id', (text) => idOf(text)],
  ['action', (text) => text.split('.').map(wordOf).join('.')],
]);
const same = (text: string): string => text;

function upTo(lengthMax: number): (member: string) => [string, number] {
  return (member) => [member, lengthMax];
}
