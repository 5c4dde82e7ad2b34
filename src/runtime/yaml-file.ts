import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { TlogError } from '../core/error.ts';

/** What an operator wrote in a YAML 1.2 file, as a schema has it; an empty file is an empty object. @throws TlogError invalid_config; the message names the place */
export async function readYamlFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const result = schema.safeParse(parsed(await readConfigText(path), path));
  if (result.success) return result.data;
  const issues = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'top level'}: ${issue.message}`,
  );
  throw invalidConfig(path, issues.join('; '), result.error);
}

/** The text of a file that an operator has named. @throws TlogError invalid_config */
export async function readConfigText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: Error) => {
    throw invalidConfig(path, `cannot be read: ${cause.message}`, cause);
  });
}

/** What is wrong with a file, or with what it names. */
export function invalidConfig(what: string, why: string, cause?: unknown): TlogError {
  return new TlogError('invalid_config', `${what}: ${why}`, { cause });
}

function parsed(yaml: string, path: string): unknown {
  try {
    return parseYaml(yaml, { maxAliasCount: 0, logLevel: 'error' }) ?? {};
  } catch (cause) {
    throw invalidConfig(path, `not YAML: ${(cause as Error).message}`, cause);
  }
}
