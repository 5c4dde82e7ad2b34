import { SharedMemory } from '../bytes.ts';

// Every supported runtime has both; the core compiles without the DOM's or Node's types.
declare const TextEncoder: new () => {
  encode(text: string): Uint8Array;
  encodeInto(text: string, target: Uint8Array): { written: number };
};
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of a text. A lone surrogate becomes U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The same into memory that has room for it: three bytes a unit of the text are enough. @returns the number of bytes */
export function utf8EncodeInto(text: string, target: Uint8Array): number {
  return encoder.encodeInto(text, target).written;
}

const shared = new SharedMemory();
/** Of longer texts one in memory of its own costs nothing. */
const SHARED_LENGTH_MAX = 4_096;

/** The same as utf8Encode, in memory that it shares with texts encoded about then: for what is not kept long. */
export function utf8EncodeShared(text: string): Uint8Array {
  if (text.length > SHARED_LENGTH_MAX) return utf8Encode(text);
  return shared.fill(3 * text.length, (room) => utf8EncodeInto(text, room));
}

/** Text of UTF-8 bytes, a leading BOM kept; undefined when they are not UTF-8. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // TypeError is how a fatal decoder says "not UTF-8"
  }
}
