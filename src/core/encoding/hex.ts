import { TlogError } from '../error.ts';

/** Lower-case hex, two digits a byte. */
export function formatHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The bytes of lower-case hex; of exactly `byteLength` bytes where given. @throws TlogError malformed_hex */
export function parseHex(text: string, byteLength: number = text.length / 2): Uint8Array {
  if (text.length !== byteLength * 2 || !/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new TlogError('malformed_hex', `not lower-case hex of ${Math.ceil(byteLength)} bytes`);
  }
  return Uint8Array.from({ length: byteLength }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
