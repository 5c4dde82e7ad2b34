#!/usr/bin/env node
/**
 * `npm start`: builds when dist/ is missing or older than src/, makes a data directory when there is neither data
 * nor guard, serves, and says what to try. Arguments go to `stele serve`.
 * package.json starts it with `exec`: npm hands signals to its shell alone, which would die and leave the server behind.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, 'dist', 'cli', 'main.js');
const args = process.argv.slice(2);
const placeFlags = flagsOf(args, ['--data', '--guard', '--config']);

buildIfStale();
serve(initIfAbsent());

/** The given flags with their values, in both spellings. */
function flagsOf(all, names) {
  return all.flatMap((arg, at) => {
    if (names.includes(arg)) return all.slice(at, at + 2);
    return names.some((name) => arg.startsWith(`${name}=`)) ? [arg] : [];
  });
}

function buildIfStale() {
  const built = statSync(main, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built >= newestIn(join(root, 'src'))) return;
  console.error('Building dist/ …');
  // No shell and no npm: the compiler is a dependency of this checkout.
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) fail(`the build failed; run npm ci, then npm run build`);
  // As npm run build does: npx starts it as a program.
  chmodSync(main, 0o755);
}

/** When the newest thing in a folder changed, in milliseconds; folders count, since a removal shows only there. */
function newestIn(folder) {
  let newest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}

/** The token of a new data directory; undefined when data or guard is there already: then serve decides. */
function initIfAbsent() {
  const init = spawnSync(process.execPath, [main, 'init', '--json', ...placeFlags], { encoding: 'utf8' });
  if (init.status === 0) return JSON.parse(init.stdout).token;
  if (init.stderr.includes('"data_exists"')) return undefined;
  const why = parsed(init.stderr).error?.message ?? init.stderr.trim();
  return fail(`cannot make a data directory: ${why}`);
}

function serve(token) {
  // As the first line of main.js has it.
  const env = { MALLOC_ARENA_MAX: '2', ...process.env };
  const child = spawn(process.execPath, ['--max-semi-space-size=16', main, 'serve', '--json', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  createInterface({ input: child.stderr }).on('line', tell);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const lines = createInterface({ input: child.stdout });
  lines.once('line', (line) => welcome(JSON.parse(line), token));
  child.once('close', (code) => {
    process.exitCode = code ?? 70;
  });
}

/** A refusal as `stele` says it to a person, and log lines as `stele serve` has them: on a terminal what needs one. */
function tell(line) {
  const { error, level, msg } = parsed(line);
  if (error !== undefined) console.error(`stele: ${error.code}: ${error.message}`);
  else if (!process.stderr.isTTY || level === undefined) console.error(line);
  else if (level === 'warn') console.error(`Warning: ${msg}.`);
  else if (level !== 'info') console.error(line);
}

function parsed(line) {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {}; // Not of the server, but of Node itself.
  }
}

function welcome({ url, logs }, token) {
  const [log] = logs;
  const server = url === 'http://127.0.0.1:8080' ? '' : ` --server ${url}`;
  const makeToken = ['npx stele token create', ...placeFlags.map(quote)].join(' ');
  // Each line works as it stands, on a later start too, when nobody can know the first token any more.
  const withToken = ` --token ${token ?? `"$(${makeToken})"`}`;
  const audit = logs.find(({ kind }) => kind === 'events');
  const lines = [
    `Stele serves ${url}`,
    `  log     ${log.name}`,
    `  origin  ${log.origin}`,
    `  vkey    ${log.vkey}`,
    token === undefined
      ? `Make a new token with: ${makeToken}`
      : `  token   ${token}   (shown once: keep it)`,
    '',
    'Try, in another terminal, in this folder:',
    ...(audit === undefined ? [] : eventLines(audit, `${withToken}${server}`)),
    `  npx stele append package.json --receipt receipt.json${withToken}${server}`,
    `  npx stele verify receipt.json --vkey ${quote(log.vkey)} --entry package.json`,
    `  npx stele get 0${log.reads === 'public' ? '' : withToken}${server}`,
  ];
  if (audit === undefined) {
    const create = ['npx stele logs create audit --kind events', ...placeFlags.map(quote)].join(' ');
    lines.push('', `No log here takes audit events yet. Stop the server, then: ${create}`);
  }
  if (log.origin.startsWith('stele.invalid/')) {
    lines.push(
      '',
      'This origin is made up. A real origin never changes: choose it with stele init --origin NAME.',
    );
  }
  console.log(lines.join('\n'));
}

/** A first audit event, and what anybody can check of it. */
function eventLines({ name, vkey }, flags) {
  const event = '{"action":"user.login","outcome":"success","actor":{"type":"user","id":"u-1"},"time":"NOW"}';
  return [
    `  echo '${event}' | sed "s/NOW/$(date -u +%FT%TZ)/" | npx stele append - --log ${name} --receipt event.json${flags}`,
    `  npx stele verify event.json --vkey ${quote(vkey)}`,
  ];
}

/** A word for a POSIX shell. */
function quote(word) {
  return /^[A-Za-z0-9_./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function fail(message) {
  console.error(`stele: ${message}`);
  process.exit(70);
}
