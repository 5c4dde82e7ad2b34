import { isList, isObject } from '../encoding/canonical-json.ts';
import { type JsonValue, pointerTo } from '../encoding/strict-json.ts';

/** What is wrong with one member; `pointer` is a JSON Pointer (RFC 6901). */
export interface MemberFault {
  readonly pointer: string;
  readonly detail: string;
}

/** As many as a person mends at a time. */
const FAULTS_MAX = 20;

/** Collects what is wrong with a value: the first 20 faults. */
export class Faults {
  readonly found: MemberFault[] = [];
  readonly #hasPlaces: boolean;

  /** @param hasPlaces false for who asks only whether there are faults: pointers take as long as all comparisons */
  constructor(hasPlaces = true) {
    this.#hasPlaces = hasPlaces;
  }

  /** The pointer to a member of what `pointer` points to. */
  to(pointer: string, name: string | number): string {
    return this.#hasPlaces ? pointerTo(pointer, name) : '';
  }

  add(pointer: string, detail: string): void {
    if (this.found.length < FAULTS_MAX) this.found.push({ pointer, detail });
  }
}

/** Compares a value with what is wanted at its place, and collects what is wrong with it. */
export type Shape = (value: JsonValue, pointer: string, faults: Faults) => void;
export type Shapes = Readonly<Record<string, Shape>>;

/** Whether nothing is wrong with a value. */
export function fits(shape: Shape, value: JsonValue): boolean {
  const faults = new Faults(false);
  shape(value, '', faults);
  return faults.found.length === 0;
}

/** A text of `min` to `max` characters (Unicode code points). */
export function text(max: number, min = 1): Shape {
  return (value, pointer, faults) => {
    if (typeof value === 'string' && value.length >= min && hasAtMost(value, max)) return;
    faults.add(pointer, `a text of ${min} to ${max} characters`);
  };
}

/** Code points are at most as many as code units, and at least half as many. */
function hasAtMost(value: string, max: number): boolean {
  return value.length <= max || (value.length <= 2 * max && [...value].length <= max);
}

/** A text that satisfies a rule; `what` says it in words. */
export function textThat(isRight: (value: string) => boolean, what: string): Shape {
  return (value, pointer, faults) => {
    if (typeof value !== 'string' || !isRight(value)) faults.add(pointer, what);
  };
}

export function oneOf(words: readonly string[]): Shape {
  return textThat((value) => words.includes(value), `one of ${words.join(', ')}`);
}

/** A whole number from 0 to `max`. */
export function count(max: number): Shape {
  return (value, pointer, faults) => {
    if (typeof value === 'number' && value >= 0 && value <= max) return;
    faults.add(pointer, `a whole number from 0 to ${max}`);
  };
}

export function listOf(item: Shape, max: number): Shape {
  return (value, pointer, faults) => {
    if (!isList(value) || value.length > max) return faults.add(pointer, `a list of at most ${max}`);
    for (const [i, inner] of value.entries()) item(inner, faults.to(pointer, i), faults);
  };
}

/** An object with all of the first members, any of the second, and no others. */
export function object(required: Shapes, optional: Shapes): Shape {
  const shapes = new Map(Object.entries({ ...required, ...optional }));
  const needed = Object.keys(required);
  return (value, pointer, faults) => {
    if (!isObject(value)) return faults.add(pointer, 'an object');
    for (const name of needed)
      if (!Object.hasOwn(value, name)) faults.add(faults.to(pointer, name), 'is missing');
    for (const name of Object.keys(value)) {
      const shape = shapes.get(name);
      if (shape === undefined) faults.add(faults.to(pointer, name), 'is not a member of this');
      else shape(value[name] as JsonValue, faults.to(pointer, name), faults);
    }
  };
}

/** An object of at most `max` members of any name of 1 to `nameMax` characters. */
export function mapOf(inner: Shape, { max, nameMax }: { max: number; nameMax: number }): Shape {
  return (value, pointer, faults) => {
    if (!isObject(value)) return faults.add(pointer, 'an object');
    const members = Object.entries(value);
    if (members.length > max) faults.add(pointer, `at most ${max} members`);
    for (const [name, item] of members) {
      const place = faults.to(pointer, name);
      if (name === '' || !hasAtMost(name, nameMax)) faults.add(place, `a name of 1 to ${nameMax} characters`);
      inner(item, place, faults);
    }
  };
}

export const anything: Shape = () => undefined;
