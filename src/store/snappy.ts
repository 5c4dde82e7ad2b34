/**
 * The bytes of a Snappy block (google/snappy format_description.txt); undefined when it is none.
 * @param bytesMax the most that it may grow to
 */
export function uncompressSnappy(block: Uint8Array, bytesMax: number): Uint8Array | undefined {
  const [length, start] = readVarint(block, 0);
  if (length === undefined || length > bytesMax) return undefined;
  const out = new Uint8Array(length);
  let at = start;
  let written = 0;
  while (at < block.length) {
    const element = readElement(block, at);
    if (element === undefined || written + element.length > length) return undefined;
    if (element.offset === undefined)
      out.set(block.subarray(element.next - element.length, element.next), written);
    else if (!copyWithin(out, written, element.offset, element.length)) return undefined;
    written += element.length;
    at = element.next;
  }
  return written === length ? out : undefined;
}

/** A literal, which ends where the next element begins, or a copy of what lies `offset` bytes back. */
interface Element {
  readonly length: number;
  readonly offset?: number;
  readonly next: number;
}

function readElement(block: Uint8Array, at: number): Element | undefined {
  const tag = block[at] ?? 0;
  const upper = tag >>> 2;
  const kind = tag & 3;
  if (kind === 0) {
    const extra = upper < 60 ? 0 : upper - 59;
    const length = 1 + (extra === 0 ? upper : littleEndian(block, at + 1, extra));
    const next = at + 1 + extra + length;
    return next > block.length ? undefined : { length, next };
  }
  const next = at + (kind === 1 ? 2 : kind === 2 ? 3 : 5);
  if (next > block.length) return undefined;
  if (kind === 1) {
    const offset = (upper >>> 3) * 256 + (block[at + 1] ?? 0);
    return { length: 4 + (upper & 7), offset, next };
  }
  return { length: 1 + upper, offset: littleEndian(block, at + 1, next - at - 1), next };
}

/** Byte by byte, as a copy may reach into what it makes itself. */
function copyWithin(out: Uint8Array, at: number, offset: number, length: number): boolean {
  if (offset === 0 || offset > at) return false;
  for (let i = at; i < at + length; i += 1) out[i] = out[i - offset] ?? 0;
  return true;
}

function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i -= 1) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

/** A LEB128 number and where it ends; undefined when it is cut off or beyond 2^53 - 1. */
export function readVarint(
  bytes: Uint8Array,
  at: number,
): readonly [value: number | undefined, next: number] {
  let value = 0;
  let scale = 1;
  for (let i = at; i < bytes.length && i < at + 8; i += 1) {
    const byte = bytes[i] ?? 0;
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) return [Number.isSafeInteger(value) ? value : undefined, i + 1];
  }
  return [undefined, at];
}

/** A whole number in LEB128. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return Buffer.from([...bytes, left]);
}
