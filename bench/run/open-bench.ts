import { type Bench, workFolder } from '../harness/bench.ts';
import { straceRuns } from '../harness/strace.ts';
import { buildTessera } from '../peers/tessera.ts';
import type { Arguments } from './arguments.ts';

/** Progress, on stderr. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Makes all that rows share. Disposing removes every file; so does the end of the process, by a signal too. */
export async function openBench({ mode, pace, base, program }: Arguments): Promise<Bench & AsyncDisposable> {
  // A signal would end the process without its exit handlers, which stop the servers and remove the files.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const work = await workFolder(base);
  const tessera = await buildTessera(await work.folder());
  if (tessera === undefined) say('go is not here: Tessera is left out');
  return {
    mode,
    pace,
    program,
    tessera,
    hasStrace: await straceRuns(),
    folder: work.folder,
    say,
    [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
  };
}
