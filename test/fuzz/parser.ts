import fc from 'fast-check';
import { TlogError } from '../../src/core/error.ts';
import { type Case, fuzzed, fuzzedBytes, fuzzedJson } from './edits.ts';
import { type Target, target } from './target.ts';

/** How a parser is used: what it must accept, and what writes again what it read. */
export interface ParserRow<Input, Parsed> {
  readonly good: fc.Arbitrary<Input>;
  readonly parse: (input: Input) => Parsed | Promise<Parsed>;
  /** Gives the input back, byte for byte. Absent where a form has several spellings. */
  readonly format?: (parsed: Parsed) => Input;
  /** What else a parser may throw; TlogError always. */
  readonly mayThrow?: (error: unknown) => boolean;
  /** What must hold of anything that was accepted; throws where it does not. */
  readonly holds?: (parsed: Parsed, input: Input) => void | Promise<void>;
}

/** A parser of text. */
export function textParser<Parsed>(name: string, row: ParserRow<string, Parsed>): Target {
  return target(name, fuzzed(row.good), (value) => checkParser(row, value, (input) => input));
}

/** A parser of JSON: what it gets is changed as a text and as a value. */
export function jsonParser<Parsed>(
  name: string,
  good: unknown,
  row: Omit<ParserRow<string, Parsed>, 'good'>,
): Target {
  return target(name, fuzzedJson(good), (value) => checkParser(row, value, (input) => input));
}

/** A parser of bytes. */
export function bytesParser<Parsed>(name: string, row: ParserRow<Uint8Array, Parsed>): Target {
  const hex = (input: Uint8Array): string => Buffer.from(input).toString('hex');
  return target(name, fuzzedBytes(row.good), (value) => checkParser(row, value, hex));
}

/** A good input is accepted; a bad one is a TlogError, or else has one spelling. Nothing else is ever thrown. */
async function checkParser<Input, Parsed>(
  { parse, format, holds, mayThrow = () => false }: Omit<ParserRow<Input, Parsed>, 'good'>,
  { input, isGood }: Case<Input>,
  shown: (input: Input) => string,
): Promise<void> {
  let parsed: Parsed;
  try {
    parsed = await parse(input);
  } catch (error) {
    if (!(error instanceof TlogError) && !mayThrow(error)) throw error;
    if (isGood) throw new Error('a good input was refused', { cause: error });
    return;
  }
  await holds?.(parsed, input);
  const again = format === undefined ? input : format(parsed);
  if (shown(again) !== shown(input))
    throw new Error(
      `${JSON.stringify(shown(input))} is a second spelling of ${JSON.stringify(shown(again))}`,
    );
}

/** 32 bytes of any kind. */
export const hash32: fc.Arbitrary<Uint8Array> = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Sizes and indexes: small ones, large ones, and those at the ends of something. */
export const size53: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 700 }),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 255, 256, 257, 2 ** 32, 2 ** 53 - 1),
);
/** Text of a line: no controls, no line ends, no lone surrogate. */
export const lineText: fc.Arbitrary<string> = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .map((text) => text.replace(/[\p{Cc}\p{Surrogate}]/gu, '-'));
/** Names that a note key can have. */
export const keyName: fc.Arbitrary<string> = fc.constantFrom('log.example/main', 'w', 'é', 'x.y/z-1');
