import { parse as parseYaml } from 'yaml';
import { TlogError } from '../core/error.ts';
import { checkSettings, type Settings } from './config.ts';

/**
 * Step 1b: the settings in a config file, YAML 1.2 with camelCase keys; an empty file has none.
 * A token does not belong into it (`tokenFile` does).
 * @throws TlogError invalid_config for bad YAML, unknown keys and wrong values
 */
export function fileSettings(text: string, name: string): Settings {
  let value: unknown;
  try {
    value = parseYaml(text, { maxAliasCount: 0, logLevel: 'error' }) ?? {};
  } catch (error) {
    throw new TlogError('invalid_config', `${name} is not YAML: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const found = checkSettings(value, name);
  if (found.token !== undefined) {
    throw new TlogError(
      'invalid_config',
      `${name}: put the token into a file of its own and name it as tokenFile`,
    );
  }
  return found;
}
