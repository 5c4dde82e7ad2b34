import { defineConfig } from 'vitest/config';

/** `npm run test:interop`: the suites that need tools from outside, such as Go. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
  },
});
