import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest, longest first: one of them begun last would keep one processor waiting for a minute. */
const LONGEST = [
  'test/docs/pages.test.ts',
  'test/sim/seeds-1.test.ts',
  'test/sim/seeds-2.test.ts',
  'test/cli/import.test.ts',
  'test/crash/crash.test.ts',
  'test/monitor/attacks.test.ts',
  'test/cli/serve-policy.test.ts',
  'test/fuzz/routes.test.ts',
  'test/cli/npm-start.test.ts',
  'test/cli/keep.test.ts',
  'test/sim/mutants.test.ts',
  'test/repair/repair.test.ts',
  'test/cli/real-data.test.ts',
  'test/witness/crash.test.ts',
];

/**
 * Tests of modules, which start no process and put nothing in the place of a module. The files that a worker runs share what
 * they import: to load it anew for each takes as long as most of their tests.
 */
const SHARING = [
  'alert',
  'client',
  'core',
  'events',
  'fsck',
  'http',
  'import',
  'sequencer',
  'store',
  'witnessing',
];
const sharing = SHARING.map((folder) => `test/${folder}/**/*.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const place = LONGEST.findIndex((path) => moduleId.endsWith(path));
      if (place !== -1) return place;
      // Together, so that a worker goes on with the next of them.
      return LONGEST.length + (project.config.isolate ? 0 : 1);
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const elsewhere = ['test/interop/**', 'test/faults/**', 'test/browser/**', '**/node_modules/**'];

/** `npm test`: needs only Node and npm. Suites with outside tools have a config of their own. */
export default defineConfig({
  test: {
    // A wait that nothing ends fails; a machine that stands still for a minute, as shared disks make it, does not.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 100_000 } },
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'json-summary'] },
    projects: [
      { extends: true, test: { name: 'modules', include: sharing, exclude: elsewhere, isolate: false } },
      {
        extends: true,
        test: { name: 'all else', include: ['test/**/*.test.ts'], exclude: [...elsewhere, ...sharing] },
      },
    ],
  },
});
