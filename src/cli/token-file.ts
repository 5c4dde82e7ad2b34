import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TlogError } from '../core/error.ts';
import { unread } from '../store/disk-error.ts';
import { writeFileDurably } from '../store/durable-file.ts';
import { formatState, parseState } from '../store/state-file.ts';

/** What a token may be allowed to do. */
export const SCOPES = ['append', 'read', 'query', 'erase', 'admin'] as const;

/** One of the scopes. */
export type Scope = (typeof SCOPES)[number];

/** What is kept of a token: everything but the token. */
export interface TokenRecord {
  /** 8 lower-case hex digits, the middle part of the token. */
  readonly id: string;
  /** SHA-256 of the whole token in lower-case hex. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  /** Names of logs, or `*` for every log there is and will be. */
  readonly logs: '*' | readonly string[];
  readonly createdAt: string;
  /** ISO 8601 in UTC; absent when the token does not expire. */
  readonly expiresAt?: string | undefined;
}

/** What a new token shall be. */
export interface NewToken {
  readonly scopes: readonly Scope[];
  readonly logs: '*' | readonly string[];
  readonly expiresAt?: string;
}

const recordSchema: z.ZodType<TokenRecord> = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(z.enum(SCOPES)),
  logs: z.union([z.literal('*'), z.array(z.string())]),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
});
const fileSchema = z.strictObject({ schema: z.literal(1), tokens: z.array(recordSchema) });

/**
 * The tokens of a data directory, oldest first; none when there is no file yet.
 * @throws TlogError invalid_config, storage_unreadable
 */
export async function readTokens(dataPath: string): Promise<readonly TokenRecord[]> {
  const path = join(dataPath, 'tokens.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw code === 'EISDIR' ? noTokens(path, error) : unread(path, error);
  }
  try {
    return fileSchema.parse(parseState(text)).tokens;
  } catch (cause) {
    throw noTokens(path, cause);
  }
}

function noTokens(path: string, cause: unknown): TlogError {
  const message = `${path} is not a list of tokens: restore it, or remove it and make new ones`;
  return new TlogError('invalid_config', message, { cause });
}

/**
 * Makes a token, stores what is needed to know it again, and gives it back: the only time that it is seen.
 * Form: `stele_<8 hex id>_<43 base64url>`, 256 random bits.
 */
export async function createToken(
  deps: { readonly dataPath: string; readonly nowMs: number; readonly random: (bytes: number) => Uint8Array },
  wanted: NewToken,
): Promise<{ readonly token: string; readonly record: TokenRecord }> {
  const tokens = await readTokens(deps.dataPath);
  const id = freshId(deps.random, tokens);
  const token = `stele_${id}_${Buffer.from(deps.random(32)).toString('base64url')}`;
  const record: TokenRecord = {
    id,
    sha256: createHash('sha256').update(token).digest('hex'),
    ...wanted,
    createdAt: new Date(deps.nowMs).toISOString(),
  };
  await writeTokens(deps.dataPath, [...tokens, record]);
  return { token, record };
}

/** Takes a token out of the file; a running server sees it at once. Undefined when no token has the id. */
export async function revokeToken(dataPath: string, id: string): Promise<TokenRecord | undefined> {
  const tokens = await readTokens(dataPath);
  const found = tokens.find((token) => token.id === id);
  if (found !== undefined)
    await writeTokens(
      dataPath,
      tokens.filter((token) => token !== found),
    );
  return found;
}

function freshId(random: (bytes: number) => Uint8Array, tokens: readonly TokenRecord[]): string {
  for (;;) {
    const id = Buffer.from(random(4)).toString('hex');
    if (!tokens.some((token) => token.id === id)) return id;
  }
}

async function writeTokens(dataPath: string, tokens: readonly TokenRecord[]): Promise<void> {
  await writeFileDurably(join(dataPath, 'tokens.json'), formatState({ schema: 1, tokens }, 2));
}
