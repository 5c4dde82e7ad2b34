import fc from 'fast-check';
import { expect, test } from 'vitest';
import { target } from './target.ts';

const settings = { cases: 100, seed: 1 };

test('a case that fails is told with its seed, and why it fails', async () => {
  const { fuzz } = target('numbers', fc.nat(), (value) => {
    if (value > 9) throw new Error('it has two digits');
  });
  await expect(fuzz(settings)).rejects.toThrow(/seed: 1,.*Counterexample: \[10\]/s);
  await expect(fuzz(settings)).rejects.toMatchObject({ cause: { message: 'it has two digits' } });
});

test('where everything fails after the first, the first is told, and why it failed', async () => {
  let isBroken = false;
  const { fuzz } = target('a server', fc.nat(), (value) => {
    if (isBroken) throw new Error('it is broken');
    isBroken = value > 1_000;
    if (isBroken) throw new Error('it breaks');
  });
  await expect(fuzz(settings)).rejects.toThrow(/it is broken.*The first that failed: [0-9]{4}/s);
  isBroken = false;
  await expect(fuzz(settings)).rejects.toMatchObject({ cause: { message: 'it breaks' } });
});
