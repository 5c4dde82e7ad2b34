import { TlogError } from '../error.ts';

/** Lower-case hex. */
export function formatHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Bytes of lower-case hex, of exactly `byteLength` bytes where given. @throws TlogError malformed_hex */
export function parseHex(text: string, byteLength?: number): Uint8Array {
  const wrongLength = byteLength !== undefined && text.length !== byteLength * 2;
  if (wrongLength || !/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new TlogError(
      'malformed_hex',
      `not lower-case hex${byteLength === undefined ? '' : ` of ${byteLength} bytes`}`,
    );
  }
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}
