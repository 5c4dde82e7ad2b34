import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { authorize, type KnownToken } from '../../src/http/tokens.ts';

const SECRET = 'A'.repeat(43);
const TOKEN = `stele_0123abcd_${SECRET}`;
const NOW_MS = Date.parse('2026-01-01T00:00:00Z');

/** A record of a token; what is given replaces its facts. */
function known(facts: Partial<KnownToken> = {}): KnownToken {
  const sha256 = createHash('sha256').update(TOKEN).digest('hex');
  return { id: '0123abcd', sha256, scopes: ['append'], logs: '*', ...facts };
}

async function verdict(tokens: readonly KnownToken[], authorization: string | undefined): Promise<string> {
  const access = { authorization, scope: 'append', log: 'main', nowMs: NOW_MS } as const;
  try {
    return (await authorize(() => tokens, access)).id;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('HTTP-4 which tokens count', () => {
  test.each([
    [`Bearer ${TOKEN}`, '0123abcd'],
    [`bearer ${TOKEN}`, '0123abcd'],
    [undefined, 'unauthorized'],
    ['', 'unauthorized'],
    [TOKEN, 'unauthorized'],
    [`Basic ${TOKEN}`, 'unauthorized'],
    [`Bearer  ${TOKEN}`, 'unauthorized'],
    [`Bearer ${TOKEN} `, 'unauthorized'],
    [`Bearer ${TOKEN}, Bearer ${TOKEN}`, 'unauthorized'],
    [`Bearer ${TOKEN.toLowerCase()}`, 'unauthorized'],
    [`Bearer ${TOKEN.toUpperCase()}`, 'unauthorized'],
    [`Bearer stele_0123abcd_${'B'.repeat(43)}`, 'unauthorized'],
    [`Bearer stele_ffffffff_${SECRET}`, 'unauthorized'],
    [`Bearer stele_0123abcd_${SECRET.slice(1)}`, 'unauthorized'],
    ['Bearer stele___proto___', 'unauthorized'],
  ])('%j: %s', async (authorization, code) => {
    expect(await verdict([known()], authorization)).toBe(code);
  });

  test.each<[Partial<KnownToken>, string]>([
    [{ scopes: ['read', 'admin'] }, 'forbidden'],
    [{ scopes: [] }, 'forbidden'],
    [{ logs: ['other'] }, 'forbidden'],
    [{ logs: [] }, 'forbidden'],
    [{ logs: ['other', 'main'] }, '0123abcd'],
    [{ expiresAt: '2026-01-01T00:00:00.000Z' }, 'unauthorized'],
    [{ expiresAt: '2026-01-01T00:00:00.001Z' }, '0123abcd'],
    [{ sha256: '0'.repeat(64) }, 'unauthorized'],
  ])('one with %j: %s', async (facts, code) => {
    expect(await verdict([known({ id: 'ffffffff' }), known(facts)], `Bearer ${TOKEN}`)).toBe(code);
  });

  test('one that has proven itself proves no other header, ends when it expires, and goes with its list', async () => {
    const tokens = [known({ expiresAt: '2026-01-01T00:00:01Z' })];
    const at = (authorization: string, nowMs: number, list = tokens): string => {
      try {
        const token = authorize(() => list, { authorization, scope: 'append', log: 'main', nowMs });
        return (token as KnownToken).id;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const right = `Bearer ${TOKEN}`;
    expect([at(right, NOW_MS), at(right, NOW_MS)]).toEqual(['0123abcd', '0123abcd']);
    expect(at(`Bearer stele_0123abcd_${'B'.repeat(43)}`, NOW_MS)).toBe('unauthorized');
    expect(at(right, NOW_MS + 1_000)).toBe('unauthorized');
    expect(at(right, NOW_MS, [])).toBe('unauthorized');
  });

  test('without tokens nobody may', async () => {
    expect(await verdict([], `Bearer ${TOKEN}`)).toBe('unauthorized');
  });
});
