import { describe, expect, test } from 'vitest';
import { logAccess } from '../../src/client/access.ts';
import { ReadAhead } from '../../src/client/read-ahead.ts';

describe('CLIENT-1 how a log is reached', () => {
  test.each([
    ['http://127.0.0.1:8080/logs/main', 'http://127.0.0.1:8080/logs/main'],
    ['https://log.example/', 'https://log.example'],
    ['https://log.example/a//', 'https://log.example/a'],
  ])('%s', (logUrl, expected) => {
    expect(logAccess({ logUrl })).toMatchObject({
      logUrl: expected,
      encoding: 'json',
      triesMax: 5,
      timeoutMs: 30_000,
    });
  });

  test.each([
    '',
    'log.example',
    'ftp://log.example/',
    'file:///log',
    'https://log.example/?',
    'https://log.example/#a',
  ])('refuses %j', (logUrl) => {
    expect(() => logAccess({ logUrl })).toThrow(TypeError);
  });

  test.each(['', '…', 'a b', 'a\n'])('refuses the token %j', (token) => {
    expect(() => logAccess({ logUrl: 'https://log.example/', token })).toThrow(TypeError);
  });

  test('waiting ends with its signal, before and while it waits', async () => {
    const { retry } = logAccess({ logUrl: 'https://log.example/' });
    await retry.sleep(1);
    await expect(retry.sleep(60_000, AbortSignal.abort(new RangeError('before')))).rejects.toThrow('before');
    const stop = new AbortController();
    const waiting = retry.sleep(60_000, stop.signal);
    stop.abort(new RangeError('while'));
    await expect(waiting).rejects.toThrow('while');
    expect(retry.random()).toBeLessThan(1);
  });
});

describe('CLIENT-8 reading ahead is bounded', () => {
  test('so many are under way, each is read once, and a failure waits for its turn', async () => {
    const asked: number[] = [];
    const ahead = new ReadAhead(
      async (index) => {
        asked.push(index);
        if (index === 2) throw new RangeError('two');
        return index;
      },
      { ahead: 2, end: 5 },
    );
    expect(await ahead.take(0)).toBe(0);
    expect(asked).toEqual([0, 1, 2]);
    expect(await ahead.take(1)).toBe(1);
    await expect(ahead.take(2)).rejects.toThrow('two');
    expect([await ahead.take(3), await ahead.take(4), asked]).toEqual([3, 4, [0, 1, 2, 3, 4]]);
  });

  test.each([-1, 0.5, Number.NaN])('%j ahead is a mistake', (ahead) => {
    expect(() => new ReadAhead(async () => 0, { ahead, end: 1 })).toThrow(RangeError);
  });
});
