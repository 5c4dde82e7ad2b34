import { afterAll, beforeAll, describe, test } from 'vitest';
import { WITNESS_ROUTES, witnessTargets } from './witness-routes.ts';
import { type FuzzWitness, startFuzzWitness } from './witness-server.ts';

const CASES = 2_000;
const seed = Date.now() % 2 ** 31;
let server: FuzzWitness;

beforeAll(async () => {
  console.info(`fuzz seed of the witness ${seed}`);
  server = await startFuzzWitness();
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe('FUZZ-4 a witness cosigns one history, whatever it is sent', () => {
  test.each(WITNESS_ROUTES.map((name, i) => [name, i] as const))('%s', async (_, i) => {
    await witnessTargets(server)[i]?.fuzz({ cases: CASES, seed });
  });
});
