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

function allowed(tokens: readonly KnownToken[], access: Access): KnownToken {
  // The scheme has no case (RFC 9110 11.1); of the token the hash is compared, which has.
  const match = /^Bearer (stele_([0-9a-f]{8})_[A-Za-z0-9_-]{43})$/i.exec(access.authorization ?? '');
  const token = tokens.find((known) => known.id === match?.[2]);
  // An unknown id is compared too: both refusals take the same steps.
  const expected = Buffer.from(token?.sha256 ?? '0'.repeat(64), 'latin1');
  const digest = Buffer.from(hash('sha256', match?.[1] ?? '', 'hex'), 'latin1');
  const same = timingSafeEqual(digest, expected);
  const isOver = token?.expiresAt !== undefined && Date.parse(token.expiresAt) <= access.nowMs;
  if (token === undefined || !same || isOver)
    throw new TlogError('unauthorized', 'send a valid token as Authorization: Bearer');
  if (!token.scopes.includes(access.scope) || !(token.logs === '*' || token.logs.includes(access.log)))
    throw new TlogError('forbidden', `token ${token.id} does not allow ${access.scope} on log ${access.log}`);
  return token;
}
