import { isMet } from './harness/finding.ts';
import type { Results } from './harness/results.ts';
import { formatTable } from './harness/table.ts';
import { ROWS } from './rows/rows.ts';
import { chosenRows, readArguments } from './run/arguments.ts';
import { openBench, say } from './run/open-bench.ts';
import { beginRun, rowsToRun, runRows } from './run/run-rows.ts';

const USAGE = `usage: npm run bench -- [options]
  --only ROW[,ROW]  these rows
  --full            longer and larger (npm run bench:full)
  --resume          go on with the newest run of this commit; rows named by --only are measured again
  --rounds N        pairs to measure
  --seconds S       of each measurement
  --dir FOLDER      where the data lies, on a real disk (default: the folder for temporary files)
  --program FILE    another build of the server (default: dist/cli/main.js)
  --json            results on stdout in full
rows: ${ROWS.map(({ name }) => name).join(' ')}
`;

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  const rows = chosenRows(ROWS, args.only);
  const begun = await beginRun(args);
  await using bench = await openBench(args);
  const results = await runRows(bench, rowsToRun(rows, begun, args.only), begun);
  const inOrder = {
    ...results,
    rows: ROWS.flatMap(({ name }) => results.rows.filter(({ row }) => row === name)),
  };
  console.log(args.json ? JSON.stringify(inOrder, undefined, 1) : formatTable(inOrder.rows));
  conclude(inOrder);
}

function conclude({ rows }: Results): void {
  const failed = rows.filter(({ error }) => error !== undefined).length;
  const missed = rows
    .flatMap(({ findings }) => findings)
    .filter((finding) => isMet(finding) === false).length;
  say(`${rows.length} rows, ${failed} failed, ${missed} goals missed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (process.argv.includes('--help')) process.stdout.write(USAGE);
else await main();
