import { defineConfig } from 'vitest/config';

/** `npm run test:faults`: many kills, and what needs strace, mounts or Go. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
  },
});
