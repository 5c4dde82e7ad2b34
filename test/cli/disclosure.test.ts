import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventVectors } from '../core/event/vectors.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { run } from './run-cli.ts';

const { vkey, disclosures } = eventVectors;

/** Verifies a text, saved as a file. */
async function verify(text: string, ...args: string[]) {
  const file = join(await tempFolder(), 'disclosure.json');
  await writeFile(file, text);
  return run(['verify', file, '--vkey', vkey, ...args]);
}
const textOf = (name: string): string => JSON.stringify(disclosures.find((row) => row.name === name)?.file);

describe('EVENT-11 verify takes the disclosure of an event', () => {
  test('and says what is shown and what is withheld', async () => {
    const { exitCode, stdout } = await verify(textOf('the actor withheld, and raw with it'));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^log\.example\/audit: event 0 of 7, received 2026-11-18T11:06:40\.000Z\n/);
    expect(stdout).toMatch(/\n {2}signature {2}verified\n {2}inclusion {2}verified\n/);
    expect(stdout).toMatch(/\n {2}payload {4}verified\n {2}witnesses {2}not checked\n/);
    expect(stdout).toMatch(/\n {2}withheld {3}actor, raw\n\{/);
    expect(stdout).toMatch(/\n\{"action":"user\.login",.*"tenant":"acme".*\}\n$/);
    expect(stdout).not.toContain('billing');
  });

  test('as JSON', async () => {
    const { stdout } = await verify(textOf('empty slots shown'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ origin: 'log.example/audit', index: 1, treeSize: 7, format: 'disclosure', type: 'event' },
      ...{ signature: 'verified', inclusion: 'verified', payload: 'verified', withheld: [], labels: {} },
      empty: ['reason', 'targets', 'source', 'changes', 'labels', 'data', 'raw'],
      event: { schema: 'audit-event/1', actor: { type: 'user', id: 'u-17' } },
    });
    const erasure = JSON.parse((await verify(textOf('an erasure without payload'), '--json')).stdout);
    expect(erasure).toMatchObject({ type: 'erasure', event: {} });
  });

  test('no other, no other entry, and no control characters', async () => {
    const forged = await verify(textOf('a whole event').replace('u-17', 'u-18'));
    expect(forged).toMatchObject({ exitCode: 1, stdout: '' });
    expect(forged.stderr).toContain('entry_mismatch');
    const spoiled = await verify(textOf('a whole event').replace('"outcome"', '"result"'));
    expect(spoiled.stderr).toContain('malformed_disclosure: ');
    expect((await verify(textOf('a whole event'), '--entry', 'package.json')).exitCode).toBe(2);
    const odd = await verify(textOf('names and texts that are hard to sort and to write'));
    expect(odd.exitCode).toBe(0);
    expect(odd.stdout).toContain('\\u007f');
    expect(odd.stdout).not.toMatch(/[^\P{Cc}\n]/u);
  });

  test('is not taken for the evidence that an event quotes', async () => {
    const file = structuredClone(disclosures[0]?.file) as unknown as {
      disclosure: { slots: { value: object }[] };
    };
    const data = file.disclosure.slots[7];
    if (data !== undefined) data.value = { data: { format: 'fork-evidence/1' } };
    expect((await verify(JSON.stringify(file))).stderr).toContain('entry_mismatch');
  });
});
