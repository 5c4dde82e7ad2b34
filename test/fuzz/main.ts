import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coreParsers } from './core-parsers.ts';
import { eventTargets } from './event-routes.ts';
import { startFuzzEvents } from './event-server.ts';
import { fileParsers, otherParsers } from './file-parsers.ts';
import { startFuzzServer } from './fuzz-server.ts';
import { monitorTargets } from './monitor-routes.ts';
import { startFuzzMonitor } from './monitor-server.ts';
import { routeTargets } from './routes.ts';
import type { FuzzSettings, Target } from './target.ts';
import { witnessTargets } from './witness-routes.ts';
import { startFuzzWitness } from './witness-server.ts';

/*
 * `npm run fuzz -- --cases N [--seed S] [--only NAME]`: so many cases for each parser and each route. Exits with 1 when
 * one fails, after the others; its seed, its path and the smallest case that fails are printed.
 */

const USAGE = 'npm run fuzz -- --cases N [--seed S] [--only NAME]';

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { cases: text, seed: text, only: text } });
  const settings = { cases: Number(values.cases), seed: Number(values.seed ?? Date.now() % 2 ** 31) };
  if (!Number.isSafeInteger(settings.cases) || !Number.isSafeInteger(settings.seed)) {
    console.error(USAGE);
    return 2;
  }
  console.log(`seed ${settings.seed}`);
  const folder = await mkdtemp(join(tmpdir(), 'stele-fuzz-'));
  try {
    await using server = await startFuzzServer();
    await using events = await startFuzzEvents();
    await using witness = await startFuzzWitness();
    await using monitor = await startFuzzMonitor();
    const servers = [...routeTargets(server), ...eventTargets(events)];
    const routes = [...servers, ...witnessTargets(witness), ...monitorTargets(monitor)];
    const all = [...coreParsers, ...otherParsers, ...(await fileParsers(folder)), ...routes];
    return await run(
      all.filter(({ name }) => name.includes(values.only ?? '')),
      settings,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(targets: readonly Target[], settings: FuzzSettings): Promise<number> {
  let failed = 0;
  for (const { name, fuzz } of targets) {
    const startMs = performance.now();
    const error = await fuzz(settings).then(() => undefined, said);
    if (error !== undefined) failed += 1;
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    console.log(
      `${error === undefined ? 'ok    ' : 'FAILED'} ${name}, ${seconds} s${error === undefined ? '' : `\n${error}`}`,
    );
  }
  console.log(`${targets.length} targets, ${targets.length * settings.cases} cases, ${failed} failed`);
  return failed === 0 && targets.length > 0 ? 0 : 1;
}

/** The case that fails, and why it does. */
function said(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (cause === undefined) return String(error);
  return `${error}\nbecause of ${cause instanceof Error ? cause.stack : cause}`;
}

process.exitCode = await main();
