import { MixedLoad, type MixedPlan } from '../overload/mixed-load.ts';
import { NumberedEntries } from '../overload/numbered-entries.ts';

/*
 * mixed-load SEED: reads a plan as JSON from each line of stdin, runs it, and answers one line of JSON.
 */

const [seed] = process.argv.slice(2);
if (seed === undefined) throw new TypeError('usage: mixed-load SEED');
const entries = new NumberedEntries(seed);
process.stdout.write('"ready"\n');
let rest = '';
for await (const chunk of process.stdin.setEncoding('utf8')) {
  const lines = `${rest}${chunk}`.split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    const plan: MixedPlan = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await new MixedLoad(plan, entries).run())}\n`);
  }
}
