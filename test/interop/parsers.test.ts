import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildGoTool, type GoTool, goMissing } from './go-tool.ts';
import { parserCases } from './parser-cases.ts';
import { DIFFERENCES, explanationOf } from './parser-differences.ts';
import { formatCase, type Outcome, type ParserCase, readByOurs } from './parser-readers.ts';

/* Our parsers beside those of Go on the same good, edited and broken inputs: both take a case and read the same in it,
 * or both refuse it, but for the differences that are listed with their reasons. */

const seed = Date.now() % 2 ** 31;
console.info(`seed of the cases for Go's parsers ${seed}`);

interface Judged {
  readonly one: ParserCase;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

const isSame = ({ ours, theirs }: Judged): boolean =>
  ours.fields === undefined || theirs.fields === undefined
    ? ours.fields === theirs.fields
    : JSON.stringify(ours.fields) === JSON.stringify(theirs.fields);

describe.skipIf(goMissing() !== undefined)("FUZZ-3 Go's parsers and ours", () => {
  let tool: GoTool;
  beforeAll(async () => {
    tool = await buildGoTool('./parsers');
  });
  afterAll(async () => {
    await tool?.[Symbol.asyncDispose]();
  });

  async function judged(cases: readonly ParserCase[]): Promise<Judged[]> {
    const { exitCode, stdout, stderr } = await tool.run(
      [],
      cases.map((one) => `${formatCase(one)}\n`).join(''),
    );
    expect([exitCode, stderr]).toEqual([0, '']);
    const answers = stdout.trimEnd().split('\n').map(theirOutcome);
    expect(answers).toHaveLength(cases.length);
    const ours = await Promise.all(cases.map(readByOurs));
    return cases.map((one, i) => ({ one, ours: ours[i] as Outcome, theirs: answers[i] as Outcome }));
  }

  test.each(DIFFERENCES)('differ by intent: $name', async (difference) => {
    for (const each of await judged(difference.shown)) {
      expect([isSame(each), each]).toEqual([false, each]);
      expect(explanationOf(each.one, each.ours, each.theirs)?.name).toBe(difference.name);
    }
  });

  test('agree on all else, in 29,000 cases', async () => {
    let total = 0;
    for (const [arbitrary, count] of await parserCases()) {
      const all = await judged(fc.sample(arbitrary, { numRuns: count, seed }));
      const unlike = all.filter(
        (each) => !isSame(each) && explanationOf(each.one, each.ours, each.theirs) === undefined,
      );
      expect(unlike.slice(0, 3).map(shown)).toEqual([]);
      const taken = all.filter(({ ours }) => ours.fields !== undefined).length;
      // Cases that all go one way would say little.
      expect([taken > count / 20, count - taken > count / 20, all[0]?.one.kind]).toEqual([
        true,
        true,
        all[0]?.one.kind,
      ]);
      total += all.length;
    }
    expect(total).toBe(29_000);
  });
});

/** An answer of Go: fields, which it leaves out when there are none, or an error. */
function theirOutcome(line: string): Outcome {
  const answer = JSON.parse(line) as Outcome;
  return answer.error === undefined ? { fields: answer.fields ?? [] } : { error: answer.error };
}

function shown({ one, ours, theirs }: Judged): unknown {
  return { case: formatCase(one), text: Buffer.from(one.input ?? []).toString(), ours, theirs };
}
