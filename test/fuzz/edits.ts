import fc from 'fast-check';

/** What breaks parsers: ends, controls, other scripts, numbers at their limits, names with a meaning. */
const FRAGMENTS: readonly string[] = [
  ...[
    '\0',
    '\n',
    '\n\n',
    '\r\n',
    '\t',
    ' ',
    '\u001b[31m',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\ud800',
    'é',
  ],
  ...['+', '=', '==', '-', '.', ',', ':', '"', '\\', '/', '..', '%2e', '%2f', '%', '&', '#', '?', '\u2014 '],
  ...['{', '}', '[', ']', '[[[[[[[[[[[[[[[[[[', 'null', 'true', '""', '"__proto__":1,', 'constructor'],
  ...['0', '00', '-1', '+1', '1e3', '1.0', '0x1', '255', '256', '257', '4294967296', '9007199254740991'],
  ...[
    '9007199254740992',
    '18446744073709551615',
    '\u0661',
    '\uff11',
    'x000/',
    '.p/0',
    '.p/256',
    'A',
    '\xff',
    '\x9f',
  ],
];

/** One change of a text. Places are shares of its length, so that they shrink apart from the text. */
export interface Edit {
  readonly kind: 'cut' | 'insert' | 'replace' | 'double' | 'swap';
  readonly at: number;
  readonly length: number;
  readonly fragment: string;
}

const share: fc.Arbitrary<number> = fc.integer({ min: 0, max: 1_000 }).map((n) => n / 1_000);
const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('cut', 'insert', 'replace', 'double', 'swap'),
  at: share,
  length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 9, max: 200 })),
  fragment: fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ unit: 'binary', maxLength: 4 })),
});

/** One to four edits; most often one, since more hide each other. */
export const edits: fc.Arbitrary<readonly Edit[]> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(edit) },
  { weight: 1, arbitrary: fc.array(edit, { minLength: 2, maxLength: 4 }) },
);

/** The text after the edits. */
export function edited(text: string, list: readonly Edit[]): string {
  return list.reduce(editedOnce, text);
}

function editedOnce(text: string, { kind, at, length, fragment }: Edit): string {
  const start = Math.floor(at * text.length);
  const [before, part, after] = [
    text.slice(0, start),
    text.slice(start, start + length),
    text.slice(start + length),
  ];
  switch (kind) {
    case 'cut':
      return before + after;
    case 'insert':
      return before + fragment + part + after;
    case 'replace':
      return before + fragment + after;
    case 'double':
      return before + part + part + after;
    case 'swap':
      return before + after.slice(0, length) + part + after.slice(length);
  }
}

/** A text, and whether it is one that must be accepted. */
export interface Case<T> {
  readonly input: T;
  readonly isGood: boolean;
}

/** Good texts, good ones with edits, and now and then anything. */
export function fuzzed(good: fc.Arbitrary<string>): fc.Arbitrary<Case<string>> {
  const bad = (input: string): Case<string> => ({ input, isGood: false });
  return fc.oneof(
    { weight: 2, arbitrary: good.map((input) => ({ input, isGood: true })) },
    { weight: 9, arbitrary: fc.tuple(good, edits).map(([text, list]) => bad(edited(text, list))) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }).map(bad) },
  );
}

/** The same for bytes; edits fall on bytes. */
export function fuzzedBytes(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Case<Uint8Array>> {
  const asText = good.map((bytes) => Buffer.from(bytes).toString('latin1'));
  return fuzzed(asText).map(({ input, isGood }) => ({
    input: new Uint8Array(Buffer.from(input, 'latin1')),
    isGood,
  }));
}

/** What a member may be instead: every kind of value, and numbers that no size is. */
const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, -0, 0.5, 1e21, 2 ** 53, '', '0', 'x', '\0', '\ud800', [], {}, [null], [[]]],
  ...[{ length: 1 }, { toString: 1 }, 'a'.repeat(300), Array(70).fill(0), '__proto__', 'ff', '*'],
];

/** A value of JSON with one of its parts replaced, left out, or with a member more. */
export function fuzzedJson(good: unknown): fc.Arbitrary<Case<string>> {
  const places = placesOf(good);
  const changed = fc
    .record({ place: fc.constantFrom(...places), value: fc.constantFrom(...VALUES), isGone: fc.boolean() })
    .map(
      ({ place, value, isGone }) => JSON.stringify(changedAt(good, place, isGone ? undefined : value)) ?? '',
    );
  const bad = changed.map((input) => ({ input, isGood: false }));
  return fc.oneof(bad, fuzzed(fc.constant(JSON.stringify(good))));
}

type Place = readonly string[];

/** Every part of a value, itself included, and one member that is not there. */
function placesOf(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [[]];
  const inner = Object.entries(value).flatMap(([name, part]) =>
    placesOf(part).map((place) => [name, ...place]),
  );
  return [[], ['more'], ...inner];
}

function changedAt(value: unknown, [name, ...rest]: Place, put: unknown): unknown {
  if (name === undefined) return put;
  const parts = Object.entries(value as object).map(([key, part]) => [
    key,
    key === name ? changedAt(part, rest, put) : part,
  ]);
  const all = name in (value as object) ? parts : [...parts, [name, put]];
  return Array.isArray(value) ? all.map(([, part]) => part) : Object.fromEntries(all);
}
