import { expect, test } from 'vitest';
import { RequestBudget } from '../../src/witnessing/request-budget.ts';
import { settle } from '../support/step-clock.ts';

interface Asked {
  /** In the order in which they began. */
  readonly began: number[];
  readonly works: readonly Promise<unknown>[];
  end(i: number, failure?: Error): Promise<void>;
}

/** Requests to these witnesses, one after the other; each lasts until it is ended. */
async function ask(budget: RequestBudget, witnesses: readonly string[]): Promise<Asked> {
  const began: number[] = [];
  const ends = new Map<number, (failure: Error | undefined) => void>();
  const works = witnesses.map((witness, i) =>
    budget
      .run(witness, async () => {
        began.push(i);
        await new Promise<void>((resolve, reject) => {
          ends.set(i, (failure) => (failure === undefined ? resolve() : reject(failure)));
        });
      })
      .catch((error: Error) => error.message),
  );
  await settle();
  const end = async (i: number, failure?: Error): Promise<void> => {
    ends.get(i)?.(failure);
    await settle();
  };
  return { began, works, end };
}

test('WITNESSED-4 so many requests at once over all logs, the others in their order; a failure gives its place on', async () => {
  const { began, works, end } = await ask(new RequestBudget(2), ['a', 'b', 'a', 'b', 'a']);
  expect(began).toEqual([0, 1]);
  await end(1, new Error('failed'));
  expect(began).toEqual([0, 1, 2]);
  for (const i of [0, 2, 3, 4]) await end(i);
  expect(began).toEqual([0, 1, 2, 3, 4]);
  expect(await Promise.all(works)).toEqual([undefined, 'failed', undefined, undefined, undefined]);
});

test('WITNESSED-4 a witness that hangs takes its own places and no more', async () => {
  const { began, works, end } = await ask(new RequestBudget(3, 2), [
    'hangs',
    'hangs',
    'hangs',
    'a',
    'a',
    'b',
  ]);
  expect(began).toEqual([0, 1, 3]);
  await end(3);
  await end(4);
  expect(began).toEqual([0, 1, 3, 4, 5]);
  await end(0);
  expect(began).toEqual([0, 1, 3, 4, 5, 2]);
  for (const i of [1, 2, 5]) await end(i);
  await Promise.all(works);
});
