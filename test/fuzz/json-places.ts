const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+|./gs;

/** An object or list that is open: the name or the position in it that is being read. */
interface Open {
  readonly isList: boolean;
  at: string | number | undefined;
}

/**
 * Where there is something in a text of JSON: the JSON Pointers (RFC 6901) of all its values, the whole included. Up to where a text stops
 * being JSON they are right; a member that is there twice is there.
 */
export function placesIn(text: string): ReadonlySet<string> {
  const places = new Set(['']);
  const open: Open[] = [];
  const mark = (): unknown => places.add(open.map(({ at }) => `/${escaped(String(at))}`).join(''));
  for (const [token] of text.matchAll(TOKEN)) {
    const inner = open.at(-1);
    if (inner !== undefined && !inner.isList && inner.at === undefined && token.startsWith('"')) {
      inner.at = nameIn(token);
      mark();
    } else if (token === '{' || token === '[') {
      mark();
      open.push({ isList: token === '[', at: token === '[' ? 0 : undefined });
    } else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && inner !== undefined) inner.at = inner.isList ? Number(inner.at) + 1 : undefined;
    else if (/[^\s:,]/.test(token)) mark();
  }
  return places;
}

/** Whether a pointer names a place, or a member that is missing in one. */
export function isPlaceIn(places: ReadonlySet<string>, pointer: string): boolean {
  return places.has(pointer) || places.has(pointer.slice(0, pointer.lastIndexOf('/')));
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function nameIn(token: string): string {
  try {
    return JSON.parse(token);
  } catch {
    return token; // no JSON from here on
  }
}
