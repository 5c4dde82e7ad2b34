import { TlogError } from '../error.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Searched for, as a pattern of the whole text would need more stack than there is for megabytes of it. */
const NO_DIGIT = /[^A-Za-z0-9+/]/;

/** Standard base64 with padding (RFC 4648 section 4). */
export function formatBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (Number(bytes[i]) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const left = bytes.length - i;
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((group >> 6) & 63) : '=';
    text += left > 2 ? ALPHABET.charAt(group & 63) : '=';
  }
  return text;
}

/** The bytes of base64 in its one accepted spelling: padded, no spare bits. @throws TlogError malformed_base64 */
export function parseBase64(text: string): Uint8Array {
  const pad = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (text.length % 4 !== 0 || NO_DIGIT.test(text.slice(0, text.length - pad))) throw malformed();
  const bytes = new Uint8Array((text.length / 4) * 3 - pad);
  for (let i = 0, o = 0; i < text.length; i += 4, o += 3) {
    let group = 0;
    for (let k = i; k < i + 4; k += 1) group = group * 64 + Math.max(0, ALPHABET.indexOf(text.charAt(k)));
    // Bytes past the end fall off a Uint8Array silently.
    bytes[o] = group >> 16;
    bytes[o + 1] = group >> 8;
    bytes[o + 2] = group;
  }
  if (formatBase64(bytes.subarray(-(3 - pad))) !== text.slice(-4)) throw malformed();
  return bytes;
}

function malformed(): TlogError {
  return new TlogError('malformed_base64', 'not canonical padded base64 of RFC 4648 section 4');
}
