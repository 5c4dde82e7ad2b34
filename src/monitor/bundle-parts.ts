/** LevelDB holds a row several times while it writes and compacts: one of 16 MiB would be most of what a monitor may take. */
export const PART_BYTES: number = 512 * 1024;

/**
 * The parts that a bundle is stored in, as views of its bytes: each of whole entries and, but for the last, of half a MiB or little more. The parts of a
 * bundle that has grown begin with those that it had.
 */
export function bundleParts(bundle: Uint8Array): Uint8Array[] {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.length);
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at < bundle.length; ) {
    at += 2 + view.getUint16(at);
    if (at - start < PART_BYTES) continue;
    parts.push(bundle.subarray(start, at));
    start = at;
  }
  if (start < bundle.length || parts.length === 0) parts.push(bundle.subarray(start));
  return parts;
}

/** Whether there may be a part behind this one. */
export function isWholePart(part: Uint8Array): boolean {
  return part.length >= PART_BYTES;
}
