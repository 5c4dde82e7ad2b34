import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest, longest first: one of them begun last would keep one processor waiting for a minute. */
const LONGEST = [
  'test/docs/pages.test.ts',
  'test/sim/seeds-1.test.ts',
  'test/sim/seeds-2.test.ts',
  'test/cli/serve-policy.test.ts',
  'test/cli/import.test.ts',
  'test/crash/crash.test.ts',
  'test/monitor/attacks.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((path) => moduleId.endsWith(path));
      return place === -1 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** `npm test`: needs only Node and npm. Suites with outside tools have a config of their own. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/faults/**', 'test/browser/**', '**/node_modules/**'],
    // A wait that nothing ends fails; a machine that stands still for a minute, as shared disks make it, does not.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'json-summary'] },
  },
});
