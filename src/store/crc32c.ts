/** CRC-32C (Castagnoli), as LevelDB has it in its files; node:zlib has only the other one. */
export function crc32c(...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    const eights = part.length - (part.length % 8);
    crc = overEights(crc, part, eights);
    for (let i = eights; i < part.length; i += 1)
      crc = (T0[(crc ^ (part[i] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** The form in which LevelDB stores one: a CRC of data that holds CRCs would be weak. */
export function maskedCrc32c(...parts: readonly Uint8Array[]): number {
  const crc = crc32c(...parts);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Eight bytes a turn, since a turn a byte takes more than twice as long ("slicing by 8"). */
function overEights(start: number, bytes: Uint8Array, end: number): number {
  let crc = start;
  for (let i = 0; i < end; i += 8) {
    const first = crc ^ littleEndian(bytes, i);
    const second = littleEndian(bytes, i + 4);
    crc =
      at(T7, first) ^
      at(T6, first >>> 8) ^
      at(T5, first >>> 16) ^
      at(T4, first >>> 24) ^
      at(T3, second) ^
      at(T2, second >>> 8) ^
      at(T1, second >>> 16) ^
      at(T0, second >>> 24);
  }
  return crc;
}

function littleEndian(bytes: Uint8Array, i: number): number {
  return (
    (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)
  );
}

function at(table: Uint32Array, byte: number): number {
  return table[byte & 0xff] ?? 0;
}

const T0: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
/** The CRC of a byte with one zero byte more behind it than in the table before: for each place in eight. */
const T1: Uint32Array = oneFurther(T0);
const T2: Uint32Array = oneFurther(T1);
const T3: Uint32Array = oneFurther(T2);
const T4: Uint32Array = oneFurther(T3);
const T5: Uint32Array = oneFurther(T4);
const T6: Uint32Array = oneFurther(T5);
const T7: Uint32Array = oneFurther(T6);

function oneFurther(table: Uint32Array): Uint32Array {
  return table.map((crc) => at(T0, crc) ^ (crc >>> 8));
}
