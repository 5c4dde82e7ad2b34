import { afterAll, beforeAll, describe, test } from 'vitest';
import { MONITOR_ROUTES, monitorTargets } from './monitor-routes.ts';
import { type FuzzMonitor, startFuzzMonitor } from './monitor-server.ts';

const CASES = 2_000;
const seed = Date.now() % 2 ** 31;
let server: FuzzMonitor;

beforeAll(async () => {
  console.info(`fuzz seed of the monitor ${seed}`);
  server = await startFuzzMonitor();
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe('FUZZ-5 a monitor keeps to one history, whatever it is told', () => {
  test.each(MONITOR_ROUTES.map((name, i) => [name, i] as const))('%s', async (_, i) => {
    await monitorTargets(server)[i]?.fuzz({ cases: CASES, seed });
  });
});
