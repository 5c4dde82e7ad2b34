import { open, readFile } from 'node:fs/promises';
import { TlogError } from '../core/error.ts';
import { ED25519, parseVerifierKey, type VerifierKey } from '../core/note/key.ts';

/** Logs that one witness follows: each holds a guard file open. */
export const WITNESSED_LOGS_MAX = 1_000;

/** The keys of each origin. */
export type LogKeys = ReadonlyMap<string, readonly VerifierKey[]>;

/** The key of a log that may be followed. @throws TlogError malformed_key, weak_key */
export function parseLogKey(vkey: string): VerifierKey {
  const key = parseVerifierKey(vkey);
  if (key.type === ED25519) return key;
  throw new TlogError('malformed_key', `key type ${key.type} is not that of a log: plain Ed25519 (1)`);
}

/**
 * A list of logs: a vkey a line, its name being the origin; several keys of one origin on several lines. Empty lines, and
 * those that begin with `#`, are skipped. @throws TlogError invalid_config; the message names the line
 */
export function parseLogList(text: string): LogKeys {
  const keys = new Map<string, VerifierKey[]>();
  for (const [i, line] of text.split('\n').entries()) {
    const vkey = line.trim();
    if (vkey === '' || vkey.startsWith('#')) continue;
    const key = keyOnLine(vkey, i + 1);
    const known = keys.get(key.name) ?? [];
    if (!known.some(({ keyId }) => keyId === key.keyId)) keys.set(key.name, [...known, key]);
  }
  if (keys.size > WITNESSED_LOGS_MAX)
    throw new TlogError('invalid_config', `${keys.size} logs; a witness follows ${WITNESSED_LOGS_MAX}`);
  return keys;
}

/** The list in a file. @throws TlogError invalid_config */
export async function readLogList(path: string): Promise<LogKeys> {
  return parseLogList(await readLogText(path));
}

/** Adds a line to the file in one write: what is there stays, what somebody else adds meanwhile too. */
export async function addToLogList(path: string, vkey: string): Promise<void> {
  const text = await readLogText(path);
  const file = await open(path, 'a');
  try {
    await file.appendFile(`${text === '' || text.endsWith('\n') ? '' : '\n'}${vkey}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What is in the file of a list. @throws TlogError invalid_config */
export async function readLogText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const message = `cannot read the list of logs ${path}: ${(cause as Error).message}`;
    throw new TlogError('invalid_config', message, { cause });
  }
}

function keyOnLine(vkey: string, line: number): VerifierKey {
  try {
    return parseLogKey(vkey);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new TlogError('invalid_config', `line ${line} of the list of logs: ${why}`, { cause });
  }
}
