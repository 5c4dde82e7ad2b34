import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROGRAMS } from '../harness/paths.ts';
import { parseMeasured } from '../harness/results.ts';
import type { MixedPlan, MixedResult } from './mixed-load.ts';

/** The load generator in a process of its own; disposing ends it. */
export interface Generator extends Disposable {
  run(plan: MixedPlan): Promise<MixedResult>;
}

/** Starts a generator whose entries follow from a seed. */
export async function startGenerator(seed: string): Promise<Generator> {
  const child = spawn(process.execPath, [join(PROGRAMS, 'mixed-load.js'), seed], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const next = async (): Promise<string> => {
    const [line] = await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(() => {
        throw new Error('the load generator ended');
      }),
    ]);
    return String(line);
  };
  await next();
  return {
    run: async (plan) => {
      const answer = next();
      child.stdin.write(`${JSON.stringify(plan)}\n`);
      return parseMeasured(await answer);
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
