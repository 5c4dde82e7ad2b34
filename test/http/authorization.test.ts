import { createHash } from 'node:crypto';
import type { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import type { KnownToken, Scope } from '../../src/http/tokens.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { readManifest } from '../../src/sequencer/data-directory.ts';
import type { ReadAccess } from '../../src/sequencer/log.ts';
import { openLog } from '../../src/sequencer/open-log.ts';
import { newDataDirectory } from '../support/test-log.ts';

/*
 * Every route with every token there can be. A route that is not in the table fails, so that none is added without its line.
 */

/** What each route asks for on a log whose reads need a token. On a public one `read` is anybody's. */
const NEEDS: Readonly<Record<string, Scope | 'nothing'>> = {
  'GET /healthz': 'nothing',
  'GET /readyz': 'nothing',
  'GET /metrics': 'nothing',
  'GET /logs': 'nothing',
  'GET /logs/:log/audit': 'read',
  'GET /logs/:log/checkpoint': 'read',
  'GET /logs/:log/checkpoints': 'read',
  'GET /logs/:log/tile/*': 'read',
  'GET /logs/:log/entries': 'read',
  'GET /logs/:log/entries/:index': 'read',
  'GET /logs/:log/proofs/inclusion': 'read',
  'GET /logs/:log/proofs/consistency': 'read',
  'GET /logs/:log/proofs/multi': 'read',
  'POST /logs/:log/proofs/multi': 'read',
  'GET /logs/:log/log': 'read',
  'GET /logs/:log/backup': 'admin',
  'GET /logs/:log/backup/retries': 'admin',
  'GET /logs/:log/backup/events': 'admin',
  'GET /logs/:log/backup/payloads': 'admin',
  'GET /logs/:log/backup/seeds': 'admin',
  'POST /logs/:log/entries': 'append',
  'POST /logs/:log/add': 'append',
  'POST /logs/:log/events': 'append',
  'GET /logs/:log/events/:event': 'query',
  'GET /logs/:log/events/:event/raw': 'query',
};

const SCOPES: readonly Scope[] = ['append', 'read', 'query', 'erase', 'admin'];

interface Bearer {
  readonly name: string;
  readonly token: string;
  readonly known?: KnownToken;
}

function bearer(name: string, facts: Partial<KnownToken> & Pick<KnownToken, 'scopes'>): Bearer {
  const id = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const token = `stele_${id}_${'a'.repeat(43)}`;
  const sha256 = createHash('sha256').update(token).digest('hex');
  return { name, token, known: { id, sha256, logs: '*', ...facts } };
}

const BEARERS: readonly Bearer[] = [
  ...SCOPES.map((scope) => bearer(scope, { scopes: [scope] })),
  bearer('every scope', { scopes: SCOPES }),
  bearer('every scope on this log', { scopes: SCOPES, logs: ['main'] }),
  bearer('every scope on another log', { scopes: SCOPES, logs: ['other'] }),
  bearer('every scope on no log', { scopes: SCOPES, logs: [] }),
  bearer('no scope', { scopes: [] }),
  bearer('every scope, and over', { scopes: SCOPES, expiresAt: '2000-01-01T00:00:00.000Z' }),
];
const STRANGERS: readonly Bearer[] = [
  { name: 'nothing', token: '' },
  { name: 'a token that is not known', token: `stele_00000000_${'z'.repeat(43)}` },
];

async function appOf(reads: ReadAccess): Promise<Hono> {
  const dir = await newDataDirectory({ reads });
  const log = await openLog({ dir, clock: systemClock }, 'main');
  onTestFinished(() => log.close());
  await log.append({ entries: [Buffer.from('a'), Buffer.from('b')] });
  return createApp({
    logs: { names: () => ['main'], get: (name) => (name === 'main' ? log : undefined) },
    tokens: () => BEARERS.flatMap(({ known }) => known ?? []),
    clock: systemClock,
    backup: {
      manifest: (name) => readManifest(dir, name),
      config: async () => undefined,
      secrets: async () => undefined,
      stored: async () => log.stored(),
    },
  });
}

const routesOf = (app: Hono): string[] => [
  ...new Set(app.routes.map(({ method, path }) => `${method} ${path}`)),
];

/** Asks a route as somebody; 401, 403, or `in` for whatever else it says. */
async function asked(app: Hono, route: string, { token }: Bearer): Promise<number | 'in'> {
  const [method = '', path = ''] = route.split(' ');
  const place = path.replace(':log', 'main').replace(':index', '0').replace('*', '0/000.p/2');
  const answer = await app.request(place, {
    method,
    ...(method === 'POST' ? { body: 'a' } : {}),
    headers: { 'content-type': 'text/plain', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
  });
  return answer.status === 401 || answer.status === 403 ? answer.status : 'in';
}

function expected(need: Scope | 'nothing', reads: ReadAccess, { known }: Bearer): number | 'in' {
  if (need === 'nothing' || (need === 'read' && reads === 'public')) return 'in';
  if (known === undefined || known.expiresAt !== undefined) return 401;
  const isOfLog = known.logs === '*' || known.logs.includes('main');
  return isOfLog && known.scopes.includes(need) ? 'in' : 403;
}

describe('HTTP-4 who may ask what', () => {
  test('every route is in the table', async () => {
    expect(routesOf(await appOf('public')).sort()).toEqual(Object.keys(NEEDS).sort());
  });

  test.each<ReadAccess>(['public', 'token'])('on a log whose reads are %s', async (reads) => {
    const app = await appOf(reads);
    const found: string[] = [];
    for (const [route, need] of Object.entries(NEEDS))
      for (const who of [...BEARERS, ...STRANGERS]) {
        const [is, should] = [await asked(app, route, who), expected(need, reads, who)];
        if (is !== should) found.push(`${route} by ${who.name}: ${is} instead of ${should}`);
      }
    expect(found).toEqual([]);
  });
});
