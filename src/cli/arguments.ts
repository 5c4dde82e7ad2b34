import { InvalidArgumentError } from 'commander';
import { PUBLIC_LABELS, type PublicLabel } from '../core/event/leaf.ts';
import { type LeafIndex, parseLeafIndex, parseTreeSize } from '../core/units.ts';

/** A leaf index from the command line. @throws InvalidArgumentError, which ends in exit 2 */
export function indexArgument(text: string): LeafIndex {
  try {
    return parseLeafIndex(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** A comma-separated list without empty or repeated members. @throws InvalidArgumentError */
export function listArgument(text: string): readonly string[] {
  const parts = text.split(',');
  if (parts.some((part) => part === '') || new Set(parts).size !== parts.length) {
    throw new InvalidArgumentError('use names with a comma between, each once');
  }
  return parts;
}

/** A moment as ISO 8601 in UTC, given so or as a number of days from now such as `90d`. @throws InvalidArgumentError */
export function expiryArgument(text: string, nowMs: number): string {
  const days = /^([1-9][0-9]{0,4})d$/.exec(text)?.[1];
  const atMs = days === undefined ? Date.parse(text) : nowMs + Number(days) * 86_400_000;
  const spelled = days !== undefined || /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/.test(text);
  if (!spelled || Number.isNaN(atMs)) {
    throw new InvalidArgumentError('use days such as 90d, or UTC such as 2027-01-31T00:00:00Z');
  }
  if (atMs <= nowMs) throw new InvalidArgumentError('that moment has passed');
  return new Date(atMs).toISOString();
}

/** The name a log's operator goes by; checkpoints carry it for ever. @throws InvalidArgumentError */
export function originArgument(text: string): string {
  // "/audit" is put behind, and the whole is a key name of at most 255 bytes (c2sp.org/signed-note).
  if (text === '' || Buffer.byteLength(text) > 249 || /[\s+\p{C}]/u.test(text)) {
    throw new InvalidArgumentError('1 to 249 bytes, without spaces, control characters and "+"');
  }
  return text;
}

/** The name of a note key. @throws InvalidArgumentError */
export function keyNameArgument(text: string): string {
  if (text === '' || Buffer.byteLength(text) > 255 || /[\s+\p{C}]/u.test(text)) {
    throw new InvalidArgumentError('1 to 255 bytes, without spaces, control characters and "+"');
  }
  return text;
}

/** One more public label, of a flag that may be there again, in the order of leaves. @throws InvalidArgumentError */
export function publicLabelArgument(
  text: string,
  before: readonly PublicLabel[] = [],
): readonly PublicLabel[] {
  const named = PUBLIC_LABELS.filter((label) => label === text || before.includes(label));
  if (named.length > before.length) return named;
  throw new InvalidArgumentError(`one of ${PUBLIC_LABELS.join(', ')}, each once`);
}

/** Reads a number of bytes, seconds or other things, in plain digits; what it gives throws InvalidArgumentError. */
export function countArgument(things: string): (text: string) => number {
  return (text) => {
    try {
      return parseTreeSize(text);
    } catch {
      throw new InvalidArgumentError(`a number of ${things} in plain digits`);
    }
  };
}
