import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../harness/bench.ts';
import { type Child, startChild } from '../harness/child.ts';
import { PROGRAMS } from '../harness/paths.ts';
import type { Answer } from './stele.ts';

/** A Hono handler that reads every body and answers the given bytes. */
export async function startBare(bench: Bench, answer: Answer): Promise<Child> {
  return startFixed(bench, 'bare-server.js', answer);
}

/** A socket that answers the given bytes to whatever comes, without HTTP or a framework. */
export async function startCanned(bench: Bench, answer: Answer): Promise<Child> {
  return startFixed(bench, 'canned-server.js', answer);
}

async function startFixed(bench: Bench, program: string, { bytes, type }: Answer): Promise<Child> {
  const file = join(await bench.folder(), 'answer');
  await writeFile(file, bytes);
  return startChild(process.execPath, [join(PROGRAMS, program), file, type]);
}
