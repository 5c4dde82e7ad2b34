import { join } from 'node:path';
import { ROOT } from './harness/paths.ts';
import { type Results, readAllResults, resultsPath } from './harness/results.ts';
import { writeReport } from './report/write-report.ts';
import { ROWS } from './rows/rows.ts';

/*
 * report [FILE...]: writes docs/reference/performance.md and its charts from a run and the rows that later ones have measured again,
 * by default from the newest run that has all rows together with those of its mode since; full runs come before quick ones.
 */

function isComplete(runs: readonly Results[]): boolean {
  return ROWS.every(({ name }) => runs.some(({ rows }) => rows.some(({ row }) => row === name)));
}

/** A run and those of its mode since. */
function from(first: Results, runs: readonly Results[]): readonly Results[] {
  return runs.filter(({ mode, startedAt }) => mode === first.mode && startedAt >= first.startedAt);
}

async function newestFiles(): Promise<string[]> {
  const runs = await readAllResults();
  const complete = runs.map((run) => from(run, runs)).filter(isComplete);
  const best = complete.filter(([first]) => first?.mode === 'full').at(-1) ?? complete.at(-1);
  if (best === undefined) throw new Error('there is no run of all rows yet: npm run bench:full');
  return best.map(resultsPath);
}

const given = process.argv.slice(2);
const resultsFiles = given.length > 0 ? given : await newestFiles();
const floorsFile = join(ROOT, 'bench', 'report', 'floors.md');
const written = await writeReport({ resultsFiles, floorsFile, folder: join(ROOT, 'docs', 'reference') });
console.log(written.join('\n'));
