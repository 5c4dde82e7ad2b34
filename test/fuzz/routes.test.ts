import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTES as SERVER_ROUTES } from '../../src/http/routes.ts';
import { type FuzzServer, startFuzzServer } from './fuzz-server.ts';
import { ROUTES } from './requests.ts';
import { routeTargets } from './routes.ts';

/* 2,000 requests a route; `npm run fuzz -- --cases N` has more. A failure prints its seed, its path and the smallest request. */

const CASES = 2_000;
const seed = Date.now() % 2 ** 31;
let server: FuzzServer;

beforeAll(async () => {
  console.info(`fuzz seed of routes ${seed}`);
  server = await startFuzzServer();
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe('FUZZ-2 every answer verifies or is a refusal that changes nothing', () => {
  test.each(ROUTES.map(({ name }, i) => [name, i] as const))('%s', async (_, i) => {
    await routeTargets(server)[i]?.fuzz({ cases: CASES, seed });
  });

  test('no route is left out', () => {
    const fuzzed = ROUTES.map(({ name }) => name.replace(/^[A-Z]+ |,.*$/g, ''));
    const paths = fuzzed.map((name) => (name.startsWith('/') ? name : `/logs/main/${name}`));
    const example = ['tile/x', 'entries/{index}'].map((name) => `/logs/main/${name}`);
    for (const [pattern] of SERVER_ROUTES)
      expect([...paths, ...example].some((path) => pattern.test(path))).toBe(true);
  });
});
