import { defineConfig } from 'vitest/config';

/** `npm run test:browser`: the built core and client in a real browser. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
