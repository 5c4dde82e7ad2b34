import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';

/*
 * `npm run mutation [-- FOLDER…]`: one small fault at a time in the code of src/core, folder by folder, each of which the
 * tests of that folder must catch; the folder `.` is what lies in src/core itself. Each folder's line is printed as it is done, and all
 * of them at the end. Exits with 1 when a folder has less than the score that stryker.config.mjs asks for.
 */

const reportOf = (folder) => `reports/mutation/${folder}/mutants.json`;
const folders = readdirSync('src/core', { withFileTypes: true }).filter((entry) => entry.isDirectory());
const all = ['.', ...folders.map(({ name }) => name)];
const chosen = process.argv.length > 2 ? process.argv.slice(2) : all;

function mutated(folder) {
  const files = folder === '.' ? 'src/core/*.ts' : `src/core/${folder}/**/*.ts`;
  const env = { ...process.env, MUTATED_FOLDER: folder };
  rmSync(reportOf(folder), { force: true });
  const startMs = performance.now();
  const { status } = spawnSync('npx', ['stryker', 'run', '--mutate', files], { env, stdio: 'inherit' });
  const said = line(folder, (performance.now() - startMs) / 1_000);
  console.log(`\n${said}\n`);
  return { said, isGood: status === 0 };
}

/** How many mutants ended in which way; those that time out are caught too. */
function counts(folder) {
  const { files } = JSON.parse(readFileSync(reportOf(folder), 'utf8'));
  const statuses = Object.values(files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
  const of = (...wanted) => statuses.filter((status) => wanted.includes(status)).length;
  const [killed, alive] = [of('Killed', 'Timeout'), of('Survived', 'NoCoverage')];
  return { killed, alive, ignored: of('Ignored') };
}

function line(folder, seconds) {
  if (!existsSync(reportOf(folder))) return `${folder}: no result`;
  const { killed, alive, ignored } = counts(folder);
  const score = ((100 * killed) / (killed + alive)).toFixed(1);
  return `${folder}: ${killed + alive} mutants, ${killed} killed, ${score} %, ${ignored} left out, ${seconds.toFixed(0)} s`;
}

const runs = chosen.map(mutated);
console.log(runs.map(({ said }) => said).join('\n'));
process.exitCode = runs.every(({ isGood }) => isGood) ? 0 : 1;
