import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alert/alert.ts';
import { Alerter } from '../../src/alert/alerter.ts';
import type { Observation } from '../../src/monitor/observation.ts';
import { Reporter } from '../../src/monitor/reporter.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { HandClock } from '../support/witness-desk.ts';

describe('MONITOR-10 files of what was observed', () => {
  test('are twenty of a kind and log; whoever is beyond them is told of without one', async () => {
    const folder = await tempFolder();
    const told: Alert[] = [];
    await using alerter = await Alerter.open({ folder: join(folder, 'outbox'), sinks: [] });
    const evidence = join(folder, 'evidence');
    const reporter = new Reporter({
      ...{ folder: evidence, alerter, onUnkept: (error) => expect.fail(error.message) },
      onAlert: (alert) => told.push(alert),
    });
    for (let size = 1; size <= 25; size += 1)
      await reporter.report('log.example', {
        kind: 'rollback',
        message: 'm',
        sizes: [size],
        notes: [`${size}`],
      });
    expect(told.map(({ sizes }) => sizes)).toEqual(Array.from({ length: 25 }, (_, i) => [i + 1]));
    expect(told.map(({ evidenceFile }) => evidenceFile !== undefined)).toEqual(
      Array.from({ length: 25 }, (_, i) => i < 20),
    );
    expect(await readdir(evidence)).toHaveLength(20);
  });
});

describe('ALERT-4 what a monitor no longer sees', () => {
  test('is told anew when it comes back; what stays and what was signed for ever is not', async () => {
    const clock = new HandClock();
    const told: Alert[] = [];
    const folder = await tempFolder();
    await using alerter = await Alerter.open({ folder: join(folder, 'outbox'), sinks: [], clock });
    const reporter = new Reporter({
      ...{ folder, alerter, onUnkept: (error) => expect.fail(error.message) },
      onAlert: (alert) => told.push(alert),
    });
    const all: Observation[] = [
      { kind: 'stale_head', message: 'm', sizes: [1] },
      { kind: 'unreachable', message: 'm' },
      { kind: 'fork', message: 'm', sizes: [1] },
      // A round with answers is one of a log that is followed again.
      { kind: 'refused', message: 'm' },
    ];
    for (const each of all) await reporter.report('a', each);
    await reporter.settle('b', []);
    await reporter.settle('a', all.slice(0, 1));
    clock.pass(600_000);
    for (const each of all) await reporter.report('a', each);
    expect(told.slice(all.length).map(({ kind }) => kind)).toEqual(['unreachable', 'refused']);
  });
});
