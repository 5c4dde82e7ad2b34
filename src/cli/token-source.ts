import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Now } from '../runtime/now.ts';
import { unread } from '../store/disk-error.ts';
import { readTokens, type TokenRecord } from './token-file.ts';

/**
 * The tokens of a running server: read again when their file changes, so that no restart is needed. What it gives throws, or rejects,
 * as `readTokens` does.
 */
export function tokenSource(dataPath: string): () => Now<readonly TokenRecord[]> {
  const path = join(dataPath, 'tokens.json');
  let version: string | undefined;
  let tokens: readonly TokenRecord[] = [];
  let isFresh = false;
  return () => {
    if (isFresh) return tokens;
    // Asked at once: a turn of the thread pool costs twenty times the answer, which holds for this turn of the event loop.
    const found = statOf(path);
    const now = `${found?.ino}/${found?.mtimeMs}/${found?.size}`;
    if (now === version) {
      isFresh = true;
      setImmediate(() => {
        isFresh = false;
      });
      return tokens;
    }
    return readTokens(dataPath).then((read) => {
      tokens = read;
      version = now;
      return read;
    });
  };
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw unread(path, error);
  }
}
