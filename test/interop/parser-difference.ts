import { knownKeys } from './parser-cases.ts';
import type { Outcome, ParserCase } from './parser-readers.ts';

/** A place where the two are meant to differ, with cases that show it. */
export interface Difference {
  readonly name: string;
  readonly why: string;
  readonly kinds: readonly string[];
  /** Whether it is this that makes the two answers differ. */
  explains(one: ParserCase, ours: Outcome, theirs: Outcome): boolean;
  readonly shown: readonly ParserCase[];
}

type Given = Pick<Difference, 'name' | 'why' | 'kinds' | 'shown'>;

/** Ours refuses, with this code, what has the trait; Go takes it. */
export function stricter(given: Given, code: string, hasTrait: (text: string) => boolean): Difference {
  return {
    ...given,
    explains: ({ input }, ours, theirs) =>
      theirs.fields !== undefined && ours.error === code && hasTrait(textOf(input)),
  };
}

/** Go refuses what has the trait; ours takes it. */
export function wider(given: Given, hasTrait: (one: ParserCase) => boolean): Difference {
  return {
    ...given,
    explains: (one, ours, theirs) => ours.fields !== undefined && theirs.error !== undefined && hasTrait(one),
  };
}

/** Cases of these texts. */
export function rows(kind: string, ...texts: readonly string[]): ParserCase[] {
  return texts.map((text) => ({ kind, input: Buffer.from(text), vkeys: knownKeys }));
}

export function textOf(input: Uint8Array | undefined): string {
  return Buffer.from(input ?? []).toString();
}

/** True iff there is another spelling of the bytes that a lenient decoder reads in it. */
export function isLoose(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString('base64') !== base64;
}

/** Sizes and indexes that Go's int64 and uint64 hold, and a number does not. */
export function isBeyond53(digits: string): boolean {
  return /^[0-9]+$/.test(digits) && BigInt(digits) > BigInt(Number.MAX_SAFE_INTEGER);
}
