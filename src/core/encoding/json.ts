/** Deepest nesting that is read; answers of a log have three levels. */
const DEPTH_MAX = 16;

/**
 * The value of JSON that is not nested deeper than 16 and has each member of an object once. Engines take seconds and a
 * gigabyte for a few million brackets, and of two members of one name the last, where another reader may take the
 * first; whoever sends an answer chooses it. @throws SyntaxError
 */
export function parseShallowJson(text: string): unknown {
  let depth = 0;
  let colons = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (isText) {
      if (unit === BACKSLASH) at += 1;
      else if (unit === QUOTE) isText = false;
    } else if (unit === QUOTE) isText = true;
    else if (unit === OPEN_LIST || unit === OPEN_OBJECT) depth += 1;
    else if (unit === CLOSE_LIST || unit === CLOSE_OBJECT) depth -= 1;
    else if (unit === COLON) colons += 1;
    if (depth > DEPTH_MAX) throw new SyntaxError(`nested deeper than ${DEPTH_MAX}`);
  }
  const value: unknown = JSON.parse(text);
  if (membersOf(value) !== colons) throw new SyntaxError('a member is there twice');
  return value;
}

/** Members of all objects in a value: as many as its text has colons, unless one hid another. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce<number>((sum, inner) => sum + membersOf(inner), own);
}

const [QUOTE, BACKSLASH, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x5c, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d,
];
