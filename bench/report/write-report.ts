import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { Results } from '../harness/results.ts';
import { chartsOf } from './charts.ts';
import { performancePage } from './page.ts';

/** Where a report goes and what it is made from. */
export interface ReportPlan {
  /** The run's file. */
  readonly resultsFile: string;
  /** The text that is kept by hand; may be absent. */
  readonly floorsFile: string;
  /** The folder of performance.md and, in it, of the charts' folder. */
  readonly folder: string;
}

/** Writes performance.md and its charts, and gives back their paths. */
export async function writeReport({ resultsFile, floorsFile, folder }: ReportPlan): Promise<string[]> {
  const results: Results = JSON.parse(await readFile(resultsFile, 'utf8'));
  const floors = await readFile(floorsFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const charts = chartsOf(results);
  const pictures = join(folder, 'performance');
  await mkdir(pictures, { recursive: true });
  for (const { file, svg } of charts) await writeFile(join(pictures, file), svg);
  const page = join(folder, 'performance.md');
  const source = relative(folder, resultsFile).replaceAll('\\', '/');
  await writeFile(
    page,
    performancePage({ results, charts, source: source || basename(resultsFile), floors: floors.trim() }),
  );
  return [page, ...charts.map(({ file }) => join(pictures, file))];
}
