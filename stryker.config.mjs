const folder = process.env.MUTATED_FOLDER ?? '.';

/**
 * `npm run mutation` runs this once for each folder of src/core (scripts/mutation.mjs). Mutants are left out where src
 * says why, and in the words of errors.
 * @type {import('@stryker-mutator/api/core').PartialStrykerOptions}
 */
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts' },
  plugins: ['@stryker-mutator/vitest-runner', './scripts/mutation-messages.mjs'],
  ignorers: ['messages'],
  coverageAnalysis: 'perTest',
  // On top of one and a half times what the tests of a mutant take, which is seconds. A mutant that is slow for other work on the
  // machine counts as caught: the fewer of them the better.
  timeoutMS: 10_000,
  concurrency: 1,
  ignorePatterns: ['/bench', '/coverage', '/dist', '/docs'],
  // The preprocessor of tsconfig needs an older typescript, and vitest needs no tsconfig.
  tsconfigFile: 'none.json',
  reporters: ['clear-text', 'json'],
  jsonReporter: { fileName: `reports/mutation/${folder}/mutants.json` },
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
  allowConsoleColors: false,
  warnings: { slow: false },
};
