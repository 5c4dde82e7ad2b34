import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toolMissing } from '../../support/outside-tool.ts';

test('spec/vectors/event.json is what its program makes', ({ skip }) => {
  const missing = toolMissing('python3');
  skip(missing !== undefined, missing);
  const { stdout, stderr } = spawnSync('python3', ['spec/vectors/gen/event.py'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout).toBe(readFileSync('spec/vectors/event.json', 'utf8'));
});
