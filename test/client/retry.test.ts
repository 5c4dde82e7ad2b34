import { describe, expect, test } from 'vitest';
import type { Answer } from '../../src/client/bounded-fetch.ts';
import { askWithRetries } from '../../src/client/retry.ts';
import { TlogError } from '../../src/core/error.ts';

type Step = number | [status: number, retryAfter: string] | Error;

async function run(steps: readonly Step[], triesMax = 4): Promise<{ status: number; waits: number[] }> {
  const left = [...steps];
  const waits: number[] = [];
  const ask = async (): Promise<Answer> => {
    const step = left.shift() ?? 599;
    if (step instanceof Error) throw step;
    const [status, after] = typeof step === 'number' ? [step] : step;
    const headers = new Headers(after === undefined ? {} : { 'retry-after': after });
    return { status, headers, body: new Uint8Array(0) };
  };
  const deps = { random: () => 0.5, sleep: async (ms: number) => void waits.push(ms) };
  const { status } = await askWithRetries(deps, ask, { triesMax });
  return { status, waits };
}

const lost = new TlogError('unreachable', 'lost');

describe('CLIENT-2 retries are bounded and wait', () => {
  test.each<[string, Step[], number, number[]]>([
    ['a final answer', [201], 201, []],
    ['a refusal', [422], 422, []],
    ['5xx, a lost answer, then success', [500, lost, 200], 200, [50, 100]],
    ['Retry-After', [[503, '2'], 201], 201, [2_000]],
    ['a huge Retry-After', [[429, '999999999'], 201], 201, [60_000]],
    ['a Retry-After that is no number', [[503, '-1'], 201], 201, [50]],
    ['no end of 503', [503, 503, 503, 503, 201], 503, [50, 100, 200]],
  ])('%s', async (_, steps, status, waits) => {
    expect(await run(steps)).toEqual({ status, waits });
  });

  test('the last lost answer is thrown, other errors at once', async () => {
    await expect(run([lost, lost], 2)).rejects.toBe(lost);
    const lie = new TlogError('malformed_answer', 'too long');
    await expect(run([lie, 200])).rejects.toBe(lie);
  });
});
