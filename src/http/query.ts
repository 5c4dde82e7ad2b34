import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';

/**
 * The query parameters of a request, all of them among `names`, each at most once: a parameter that is misspelt
 * must not be taken for one that is absent.
 * @throws TlogError invalid_parameter
 */
export function queryOf(c: Context, names: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of pairsOf(c.req.url)) {
    if (!names.includes(name))
      throw new TlogError('invalid_parameter', `unknown parameter; there are ${names.join(', ') || 'none'}`);
    if (found.has(name)) throw new TlogError('invalid_parameter', `give ${name} once`);
    found.set(name, value);
  }
  return found;
}

/** By hand: our parameters are digits, and a general parser takes longer than a proof. */
function* pairsOf(url: string): Generator<readonly [string, string]> {
  const start = url.indexOf('?');
  if (start < 0) return;
  for (const pair of url.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (pair !== '')
      yield equals < 0
        ? [decoded(pair), '']
        : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))];
  }
}

function decoded(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new TlogError('invalid_parameter', 'a query parameter is not UTF-8 in percent-encoding', { cause });
  }
}

/** A parameter that has to be there. @throws TlogError invalid_parameter */
export function required(query: ReadonlyMap<string, string>, name: string): string {
  const value = query.get(name);
  if (value === undefined) throw new TlogError('invalid_parameter', `${name} is missing`);
  return value;
}
