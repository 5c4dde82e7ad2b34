import { hash, timingSafeEqual } from 'node:crypto';
import { TlogError } from '../core/error.ts';
import { andThen, type Now } from '../runtime/now.ts';

/** What a token may be allowed to do. */
export type Scope = 'append' | 'read' | 'query' | 'erase' | 'admin';

/** What the server knows of a token: everything but the token. */
export interface KnownToken {
  readonly id: string;
  /** SHA-256 of the whole token in lower-case hex. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  readonly logs: '*' | readonly string[];
  readonly expiresAt?: string | undefined;
}

/** Gives the tokens as they are now, so that a revoked one stops working at once. */
export type TokenSource = () => Now<readonly KnownToken[]>;

/** What a request wants to do, and with which Authorization header. */
export interface Access {
  readonly authorization: string | undefined;
  readonly scope: Scope;
  readonly log: string;
  readonly nowMs: number;
}

/** The token that allows the access. @throws TlogError unauthorized, forbidden */
export function authorize(source: TokenSource, access: Access): Now<KnownToken> {
  return andThen(source(), (tokens) => allowed(tokens, access));
}

function allowed(tokens: readonly KnownToken[], { authorization = '', ...access }: Access): KnownToken {
  const token = validToken(tokens, authorization, access.nowMs);
  if (token === undefined) throw new TlogError('unauthorized', 'send a valid token as Authorization: Bearer');
  if (!token.scopes.includes(access.scope) || !(token.logs === '*' || token.logs.includes(access.log)))
    throw new TlogError('forbidden', `token ${token.id} does not allow ${access.scope} on log ${access.log}`);
  return token;
}

/** The token of an Authorization header, whatever it allows; undefined unless it is known and not expired. */
export function validToken(
  tokens: readonly KnownToken[],
  authorization: string,
  nowMs: number,
): KnownToken | undefined {
  const token = proven(tokens, authorization);
  const isOver = token?.expiresAt !== undefined && Date.parse(token.expiresAt) <= nowMs;
  return isOver ? undefined : token;
}

/** The headers that have proven themselves against a list of tokens: each request of a client sends the same. */
const provenHeaders = new WeakMap<readonly KnownToken[], Map<string, KnownToken>>();

/** More than any one server has clients; spellings of `Bearer` count too. */
const PROVEN_MAX = 10_000;

/** The token whose secret the header has. */
function proven(tokens: readonly KnownToken[], authorization: string): KnownToken | undefined {
  const known = provenHeaders.get(tokens) ?? new Map<string, KnownToken>();
  const before = known.get(authorization);
  if (before !== undefined) return before;
  const found = compared(tokens, authorization);
  if (found !== undefined && known.size < PROVEN_MAX)
    provenHeaders.set(tokens, known.set(authorization, found));
  return found;
}

function compared(tokens: readonly KnownToken[], authorization: string): KnownToken | undefined {
  // The scheme has no case (RFC 9110 11.1); of the token the hash is compared, which has.
  const match = /^Bearer (stele_([0-9a-f]{8})_[A-Za-z0-9_-]{43})$/i.exec(authorization);
  const token = tokens.find((known) => known.id === match?.[2]);
  // An unknown id is compared too: both refusals take the same steps.
  const expected = Buffer.from(token?.sha256 ?? '0'.repeat(64), 'latin1');
  const digest = Buffer.from(hash('sha256', match?.[1] ?? '', 'hex'), 'latin1');
  return timingSafeEqual(digest, expected) ? token : undefined;
}
