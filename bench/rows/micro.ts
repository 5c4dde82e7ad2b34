import { join } from 'node:path';
import type { Outcome, Row } from '../harness/bench.ts';
import { runNodeForJson } from '../harness/child.ts';
import { show } from '../harness/finding.ts';
import { PROGRAMS } from '../harness/paths.ts';

const SECONDS = { full: 0.5, quick: 0.1, smoke: 0.01 } as const;

/** The parts of the core alone, in a process of their own. */
export const microRow: Row = {
  name: 'micro',
  title: 'core',
  run: async (bench): Promise<Outcome> => {
    const args = [`${SECONDS[bench.mode]}`, `${bench.pace.rounds}`];
    const rates = await runNodeForJson<Record<string, number>>(join(PROGRAMS, 'micro.js'), args);
    return { findings: Object.entries(rates).map(([what, perSec]) => show({ what, unit: 'ops/s' }, perSec)) };
  },
};
