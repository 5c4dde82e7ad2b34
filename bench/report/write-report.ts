import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { readResults, withLater } from '../harness/results.ts';
import { chartsOf } from './charts.ts';
import { performancePage, type Run } from './page.ts';

/** Where a report goes and what it is made from. */
export interface ReportPlan {
  /** The run's file, and those of later runs of some of its rows. */
  readonly resultsFiles: readonly string[];
  /** The text that is kept by hand; may be absent. */
  readonly floorsFile: string;
  /** The folder of performance.md and, in it, of the charts' folder. */
  readonly folder: string;
}

/** Writes performance.md and its charts, and gives back their paths. */
export async function writeReport({ resultsFiles, floorsFile, folder }: ReportPlan): Promise<string[]> {
  const runs: Run[] = [];
  for (const file of resultsFiles)
    runs.push({ results: await readResults(file), source: relative(folder, file).replaceAll('\\', '/') });
  const [first, ...later] = runs;
  if (first === undefined) throw new TypeError('a report of no run');
  const results = withLater(
    first.results,
    later.map((run) => run.results),
  );
  const floors = await readFile(floorsFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const charts = chartsOf(results);
  const pictures = join(folder, 'performance');
  await mkdir(pictures, { recursive: true });
  for (const { file, svg } of charts) await writeFile(join(pictures, file), svg);
  const page = join(folder, 'performance.md');
  const { source } = first;
  await writeFile(page, performancePage({ results, later, charts, source, floors: floors.trim() }));
  return [page, ...charts.map(({ file }) => join(pictures, file))];
}
