import { access } from 'node:fs/promises';
import { expect } from 'vitest';
import { type Alert, alertText, raisedAlert } from '../../src/alert/alert.ts';

/** Facts that a person is told of. */
export type ToldFact = 'sizes' | 'index' | 'expectedHash' | 'actualHash' | 'evidenceFile';

/** Checks that an alert tells its log, what to do next and the named facts, and no other; and that its file is there. */
export async function expectTold(alert: Alert, facts: readonly ToldFact[]): Promise<void> {
  const raised = raisedAlert(alert, 0);
  const { sizes, index, expectedHash, actualHash, evidenceFile } = raised;
  const all = { sizes, index, expectedHash, actualHash, evidenceFile };
  const told = Object.entries(all).flatMap(([name, fact]) => (fact === undefined ? [] : [name]));
  expect(told.sort()).toEqual([...facts].sort());
  expect([raised.log, raised.message, raised.next]).not.toContain('');
  for (const hash of [expectedHash, actualHash])
    if (hash !== undefined) expect(Buffer.from(hash, 'base64')).toHaveLength(32);
  if (evidenceFile !== undefined) await access(evidenceFile);
  const text = alertText(raised);
  for (const fact of [sizes?.join(', '), index, expectedHash, actualHash, evidenceFile, raised.next])
    if (fact !== undefined) expect(text).toContain(`: ${fact}\n`);
}
