import { randomBytes } from 'node:crypto';
import type { Outcome, Row } from '../harness/bench.ts';
import { saySample } from '../harness/bench.ts';
import { EntrySource } from '../harness/entries.ts';
import { judge, pairsOf } from '../harness/finding.ts';
import type { Load } from '../harness/load.ts';
import { measureInTurns } from '../harness/rounds.ts';
import { startBare, startCanned } from '../peers/bare.ts';
import { ENTRY_TYPE } from '../peers/stele.ts';
import { underLoad } from './work.ts';

/** About a receipt. */
const ANSWER_BYTES = 1_300;
const CONNECTIONS = 64;

/**
 * The load generator against a socket that does next to nothing, and against bare: where the two are near each
 * other, it is the generator that bounds bare, and ratios to bare flatter us.
 */
export const ceiling: Row = {
  name: 'ceiling',
  title: `load generator alone, POST, ${CONNECTIONS} connections`,
  run: async (bench): Promise<Outcome> => {
    const answer = { bytes: randomBytes(ANSWER_BYTES), type: ENTRY_TYPE };
    const source = new EntrySource();
    const ask = (): ReturnType<Load['ask']> => ({ path: '/logs/main/entries', body: source.entry() });
    const plan = {
      method: 'POST',
      headers: { 'Content-Type': ENTRY_TYPE },
      connections: CONNECTIONS,
      ask,
      worth: 1,
    } as const;
    await using canned = await startCanned(bench, answer);
    await using bare = await startBare(bench, answer);
    const contenders = [
      underLoad('canned', canned, { ...plan, ...canned }),
      underLoad('bare', bare, { ...plan, ...bare }),
    ];
    const samples = await measureInTurns(contenders, bench.pace, (name, sample) =>
      saySample(bench, name, sample),
    );
    const pairs = pairsOf(samples['canned'] ?? [], samples['bare'] ?? [], 'perSec');
    return { findings: [judge({ against: 'bare', unit: 'req/s' }, pairs)], samples };
  },
};
