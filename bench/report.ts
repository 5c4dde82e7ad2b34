import { join } from 'node:path';
import { ROOT } from './harness/paths.ts';
import { type Results, readAllResults, resultsPath } from './harness/results.ts';
import { writeReport } from './report/write-report.ts';
import { ROWS } from './rows/rows.ts';

/*
 * report [FILE]: writes docs/reference/performance.md and its charts from a run, by default the newest complete one;
 * full runs come before quick ones.
 */

function isComplete({ rows }: Results): boolean {
  return ROWS.every(({ name }) => rows.some(({ row }) => row === name));
}

async function newestFile(): Promise<string> {
  const runs = (await readAllResults()).filter(isComplete);
  const best = runs.filter(({ mode }) => mode === 'full').at(-1) ?? runs.at(-1);
  if (best === undefined) throw new Error('there is no run of all rows yet: npm run bench:full');
  return resultsPath(best);
}

const resultsFile = process.argv[2] ?? (await newestFile());
const floorsFile = join(ROOT, 'bench', 'report', 'floors.md');
const written = await writeReport({ resultsFile, floorsFile, folder: join(ROOT, 'docs', 'reference') });
console.log(written.join('\n'));
