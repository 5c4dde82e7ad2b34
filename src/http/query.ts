import type { Context } from 'hono';
import { TlogError } from '../core/error.ts';

/**
 * The query parameters of a request, all of them among `names`, each at most once: a parameter that is misspelt
 * must not be taken for one that is absent.
 * @throws TlogError invalid_parameter
 */
export function queryOf(c: Context, names: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, values] of Object.entries(c.req.queries())) {
    const [value, ...more] = values;
    if (!names.includes(name))
      throw new TlogError('invalid_parameter', `unknown parameter; there are ${names.join(', ')}`);
    if (value === undefined || more.length > 0) throw new TlogError('invalid_parameter', `give ${name} once`);
    found.set(name, value);
  }
  return found;
}

/** A parameter that has to be there. @throws TlogError invalid_parameter */
export function required(query: ReadonlyMap<string, string>, name: string): string {
  const value = query.get(name);
  if (value === undefined) throw new TlogError('invalid_parameter', `${name} is missing`);
  return value;
}
