import { defineConfig } from 'vitest/config';

/** The folder of src/core with the fault, whose own tests have to find it: those beside that folder's; `.` is what lies in src/core itself. */
const folder = process.env['MUTATED_FOLDER'] ?? '.';

/** `npm run mutation`: tests that run once for each mutant, and therefore try smaller trees. */
export default defineConfig({
  test: {
    include: [`test/core/${folder === '.' ? '' : `${folder}/**/`}*.test.ts`],
    env: { BRIEF: 'yes' },
    testTimeout: 60_000,
  },
});
