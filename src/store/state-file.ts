import { crc32 } from 'node:zlib';

/* Small files that only the program writes, each with a check over what it says (spec STORE-15). */

/**
 * The text of a state file: JSON whose last member `check` is the CRC-32 of the others in compact JSON, in hex. How it
 * is laid out does not count.
 */
export function formatState(members: object, space?: number): string {
  return `${JSON.stringify({ ...members, check: checkOf(members) }, null, space)}\n`;
}

/**
 * What a state file says, without its check. One from before there were checks has none, nor has one that a hand has
 * changed and its check removed. @throws SyntaxError where it is not JSON, TypeError where the check fails
 */
export function parseState(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('check' in value)) return value;
  const { check, ...members } = value;
  if (check === checkOf(members)) return members;
  throw new TypeError('its check fails: it was not written so');
}

function checkOf(members: object): string {
  return crc32(JSON.stringify(members)).toString(16).padStart(8, '0');
}
