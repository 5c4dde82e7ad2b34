import { afterAll, beforeAll, describe, test } from 'vitest';
import { EVENT_ROUTES, eventTargets } from './event-routes.ts';
import { type FuzzEvents, startFuzzEvents } from './event-server.ts';

const CASES = 2_000;
const seed = Date.now() % 2 ** 31;
let server: FuzzEvents;

beforeAll(async () => {
  console.info(`fuzz seed of events ${seed}`);
  server = await startFuzzEvents();
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe('FUZZ-6 events are taken whole and read as they were sent, or refused at a place', () => {
  test.each(EVENT_ROUTES.map((name, i) => [name, i] as const))('%s', async (_, i) => {
    await eventTargets(server)[i]?.fuzz({ cases: CASES, seed });
  });
});
