import { expect, test } from 'vitest';
import { runRange } from './range.ts';

// A file of its own, so that the two halves run side by side.
test('SIM-3 seeds 500 to 999 break no promise', { timeout: 600_000 }, async () => {
  expect((await runRange(500, 500)).seeds).toBe(500);
});
