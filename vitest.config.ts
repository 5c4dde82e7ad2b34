import { defineConfig } from 'vitest/config';

/** `npm test`: needs only Node and npm. Suites with outside tools have a config of their own. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/faults/**', 'test/browser/**', '**/node_modules/**'],
    // A wait that nothing ends fails; a machine that stands still for a minute, as shared disks make it, does not.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'json-summary'] },
  },
});
