import { TlogError } from '../error.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));
const SHAPE = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard base64 with padding. RFC 4648 section 4 */
export function formatBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = Math.min(3, bytes.length - i);
    const group = (bytes[i] ?? 0) * 65_536 + (bytes[i + 1] ?? 0) * 256 + (bytes[i + 2] ?? 0);
    const letters = [262_144, 4_096, 64, 1].map((unit) => ALPHABET[Math.floor(group / unit) % 64]);
    text += letters.slice(0, left + 1).join('') + '='.repeat(3 - left);
  }
  return text;
}

/** Bytes of standard base64 in its one canonical spelling. @throws TlogError malformed_base64 */
export function parseBase64(text: string): Uint8Array {
  if (!SHAPE.test(text)) throw new TlogError('malformed_base64', 'not standard base64 with padding');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3);
  for (let i = 0; i < text.length; i += 4) {
    let group = 0;
    for (let j = 0; j < 4; j += 1) group = group * 64 + (VALUES.get(text[i + j] ?? '') ?? 0);
    const at = (i / 4) * 3;
    bytes[at] = Math.floor(group / 65_536);
    bytes[at + 1] = Math.floor(group / 256) % 256;
    bytes[at + 2] = group % 256;
  }
  const value = bytes.slice(0, bytes.length - padding);
  if (bytes.subarray(value.length).some((byte) => byte !== 0)) {
    throw new TlogError('malformed_base64', 'base64 with non-zero trailing bits');
  }
  return value;
}
