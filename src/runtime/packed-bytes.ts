/** Length of a part that is not there. */
const ABSENT = 2 ** 32 - 1;

/** Byte strings in one piece, which goes to another thread as a whole: each by itself would take longer than most that is done with it. */
export interface PackedBytes {
  /** One behind the other. */
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
}

/** Those that are undefined come out as such. */
export function packBytes(parts: readonly (Uint8Array | undefined)[]): PackedBytes {
  const lengths = Uint32Array.from(parts, (part) => part?.length ?? ABSENT);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + (part?.length ?? 0), 0));
  let end = 0;
  for (const part of parts) {
    if (part === undefined) continue;
    bytes.set(part, end);
    end += part.length;
  }
  return { bytes, lengths };
}

/** What was packed, as views. */
export function unpackBytes({ bytes, lengths }: PackedBytes): readonly (Uint8Array | undefined)[] {
  const parts: (Uint8Array | undefined)[] = [];
  let end = 0;
  for (const length of lengths) {
    const start = end;
    if (length !== ABSENT) end += length;
    parts.push(length === ABSENT ? undefined : bytes.subarray(start, end));
  }
  return parts;
}

/** The memory of it, to be moved. */
export function memoryOf({ bytes, lengths }: PackedBytes): readonly ArrayBuffer[] {
  return [bytes.buffer as ArrayBuffer, lengths.buffer as ArrayBuffer];
}
