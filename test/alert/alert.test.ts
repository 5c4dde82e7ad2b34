import { describe, expect, test } from 'vitest';
import {
  ALERT_KINDS,
  type Alert,
  alertId,
  alertText,
  alertTitle,
  raisedAlert,
  tellingId,
} from '../../src/alert/alert.ts';

const ALERT: Alert = {
  kind: 'fork',
  source: 'monitor',
  log: 'log.example/main',
  message: 'the log signed two root hashes of size 7',
  sizes: [7],
  expectedHash: 'AAAA',
  actualHash: 'BBBB',
  evidenceFile: 'evidence/fork-1.json',
};

describe('ALERT-1 what is one alert', () => {
  test.each<[string, Partial<Alert>, boolean]>([
    ['the same', {}, true],
    ['other words', { message: 'other' }, true],
    ['another file', { evidenceFile: 'b' }, true],
    ['another kind', { kind: 'rollback' }, false],
    ['another source', { source: 'server' }, false],
    ['another log', { log: 'log.example/b' }, false],
    ['another size', { sizes: [8] }, false],
    ['an index', { index: 0 }, false],
    ['another hash', { actualHash: 'CCCC' }, false],
    ['a cause', { cause: 'a' }, false],
    ['hashes exchanged', { expectedHash: 'BBBB', actualHash: 'AAAA' }, false],
  ])('%s', (_, change, same) => {
    expect(alertId(ALERT)).toMatch(/^[0-9a-f]{32}$/);
    expect(alertId({ ...ALERT, ...change }) === alertId(ALERT)).toBe(same);
  });
});

describe('ALERT-1 a cause', () => {
  const told: Alert = { ...ALERT, cause: 'late' };
  test.each<[string, Partial<Alert>, boolean]>([
    ['another size', { sizes: [8] }, true],
    ['another hash', { actualHash: 'CCCC' }, true],
    ['another cause', { cause: 'later' }, false],
    ['another kind', { kind: 'rollback' }, false],
    ['another source', { source: 'server' }, false],
    ['another log', { log: 'log.example/b' }, false],
  ])('that is named stands for sizes and hashes: %s', (_, change, same) => {
    expect(alertId({ ...told, ...change }) === alertId(told)).toBe(same);
  });
});

describe('ALERT-2 what a person reads', () => {
  test('names log, sizes, hashes, evidence and what to do', () => {
    const raised = raisedAlert(ALERT, Date.UTC(2026, 0, 2));
    expect(alertTitle(raised)).toBe('[stele critical] fork: log.example/main');
    expect(alertText(raised).split('\n')).toEqual([
      'the log signed two root hashes of size 7',
      'Tree sizes: 7',
      'Expected hash: AAAA',
      'Actual hash: BBBB',
      'Evidence file: evidence/fork-1.json',
      `What to do: ${ALERT_KINDS.fork.next}`,
      `Raised by: the monitor at 2026-01-02T00:00:00.000Z, as ${raised.id}`,
      '',
    ]);
  });

  test('a telling has a name of its own: the same for each try, another the next time', () => {
    const [first, again] = [raisedAlert(ALERT, 1_000), raisedAlert(ALERT, 86_401_000)];
    expect([again.id, tellingId(again)]).toEqual([first.id, `${first.id}-86401000`]);
    expect(tellingId(JSON.parse(JSON.stringify(first)))).toBe(`${first.id}-1000`);
  });

  test('words of a log make no line of their own', () => {
    const raised = raisedAlert({ ...ALERT, log: 'a\r\nBcc: b', message: 'x\nWhat to do: nothing\u202e' }, 0);
    expect(alertTitle(raised)).not.toMatch(/[\r\n]/);
    expect(alertText(raised)).toMatch(/^x\ufffdWhat to do: nothing\ufffd\nTree sizes/);
  });
});
