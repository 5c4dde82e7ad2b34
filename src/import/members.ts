import { isList, isObject } from '../core/encoding/canonical-json.ts';
import { type JsonObject, type JsonValue, parseForeignJson } from '../core/encoding/strict-json.ts';
import { utf8Decode } from '../core/encoding/utf8.ts';
import { EVENT_DEPTH_MAX } from '../core/event/event.ts';
import { unmappable } from './refusal.ts';

/** A record becomes `data`, which is the second level of an event. */
const DEPTH_MAX = EVENT_DEPTH_MAX - 1;
/** Longest text of a member of an event, where nothing else is said. */
const TEXT_LENGTH_MAX = 1_024;

/** The members of a record in JSON. @throws TlogError unmappable_record */
export function jsonMembers(record: Uint8Array): Members {
  const text = utf8Decode(record);
  if (text === undefined) throw unmappable('is not UTF-8');
  const value = parseForeignJson(text, DEPTH_MAX, (pointer, why) =>
    unmappable(`is not JSON that can be taken over: ${pointer === '' ? '' : `${pointer}: `}${why}`),
  );
  if (!isObject(value)) throw unmappable('is not an object of JSON');
  return new Members(value);
}

/**
 * What is read of a record, and what is left of it. A member that was taken stands in the event as it is; all others go into its
 * `data`, so that none is lost. Members are named by JSON Pointers (RFC 6901).
 */
export class Members {
  readonly #record: JsonObject;
  readonly #taken: Taken = new Map();

  constructor(record: JsonObject) {
    this.#record = record;
  }

  /** The value of a member, which stays where it is. */
  peek(pointer: string): JsonValue | undefined {
    let value: JsonValue | undefined = this.#record;
    for (const name of namesIn(pointer)) value = value === undefined ? undefined : memberOf(value, name);
    return value;
  }

  /** The text of a member, which stays; undefined where there is none, or a dash, which is how Windows writes nothing. */
  peekText(pointer: string): string | undefined {
    const value = this.peek(pointer);
    if (typeof value !== 'string' && typeof value !== 'number') return undefined;
    return value === '' || value === '-' ? undefined : String(value);
  }

  /** Takes the text of the first of these members that has one of at most `lengthMax` characters and was not taken. */
  take(pointers: string | readonly string[], lengthMax: number = TEXT_LENGTH_MAX): string | undefined {
    for (const pointer of typeof pointers === 'string' ? [pointers] : pointers) {
      const text = this.peekText(pointer);
      if (text === undefined || text.length > lengthMax || this.#isTaken(pointer)) continue;
      this.drop(pointer);
      return text;
    }
    return undefined;
  }

  /** Marks a member as taken whose value, once peeked at, stands in the event. */
  drop(pointer: string): void {
    let taken = this.#taken;
    for (const name of namesIn(pointer)) {
      const inner: Taken = taken.get(name) ?? new Map();
      taken.set(name, inner);
      taken = inner;
    }
  }

  /** What nobody took. */
  rest(): JsonObject {
    return restOf(this.#record, this.#taken);
  }

  #isTaken(pointer: string): boolean {
    let taken: Taken | undefined = this.#taken;
    for (const name of namesIn(pointer)) taken = taken?.get(name);
    return taken?.size === 0;
  }
}

/** Names of members of which something was taken; of one that was taken whole there are none below. */
type Taken = Map<string, Taken>;

/** An object goes with the last of its members; one that is empty in the record stays. */
function restOf(record: JsonObject, taken: Taken): JsonObject {
  const left = Object.entries(record).flatMap(([name, value]): [string, JsonValue][] => {
    const inner = taken.get(name);
    if (inner === undefined || (inner.size > 0 && !isObject(value))) return [[name, value]];
    const rest = inner.size > 0 && isObject(value) ? restOf(value, inner) : {};
    return Object.keys(rest).length === 0 ? [] : [[name, rest]];
  });
  return Object.fromEntries(left);
}

/** Mappings ask every record for the same few. */
const NAMES = new Map<string, readonly string[]>();

function namesIn(pointer: string): readonly string[] {
  const known = NAMES.get(pointer);
  if (known !== undefined) return known;
  const names = pointer.split('/').slice(1);
  const plain = names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  NAMES.set(pointer, plain);
  return plain;
}

function memberOf(value: JsonValue, name: string): JsonValue | undefined {
  if (isList(value)) return /^(?:0|[1-9][0-9]*)$/.test(name) ? value[Number(name)] : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
