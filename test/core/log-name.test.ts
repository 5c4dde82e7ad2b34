import { expect, test } from 'vitest';
import { LOG_NAME } from '../../src/core/log-name.ts';

test.each(['a', '0', 'main', 'a-', 'a-9-z', 'a'.repeat(63)])('%s names a log', (name) => {
  expect(LOG_NAME.test(name)).toBe(true);
});

test.each([
  ...['', '-a', 'A', 'aB', 'a_b', 'a.b', 'a/b', '..', ' a', 'a ', 'a\n', '\na', 'ä', 'a'.repeat(64)],
])('%j names none', (name) => {
  expect(LOG_NAME.test(name)).toBe(false);
});
