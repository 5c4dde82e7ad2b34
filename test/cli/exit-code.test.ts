import { describe, expect, test } from 'vitest';
import type { Register } from '../../src/cli/context.ts';
import { EXIT, exitCodeOf, UsageError, WriteError } from '../../src/cli/exit-code.ts';
import { ERROR_CODES, type ErrorCode, TlogError } from '../../src/core/error.ts';
import { run } from './run-cli.ts';

describe('CLI-1 exit codes', () => {
  test.each([
    [new UsageError('x'), EXIT.usage],
    [new WriteError('x'), EXIT.fault],
    [new TypeError('x'), EXIT.fault],
    ['a string', EXIT.fault],
    [new TlogError('unreachable', 'x'), EXIT.unreachable],
    [new TlogError('queue_full', 'x'), EXIT.unreachable],
    [new TlogError('proof_mismatch', 'x'), EXIT.failed],
    [new TlogError('guard_missing', 'x'), EXIT.failed],
    [new TlogError('malformed_note', 'x'), EXIT.failed],
    [new TlogError('commit_unknown', 'x'), EXIT.fault],
  ])('%s', (error, expected) => expect(exitCodeOf(error)).toBe(expected));

  test('no code of the table is success or wrong usage', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect([EXIT.failed, EXIT.unreachable, EXIT.fault]).toContain(exitCodeOf(new TlogError(code, 'x')));
    }
  });

  test.each([
    [['--help'], EXIT.ok],
    [['token', 'create', '--help'], EXIT.ok],
    [[], EXIT.usage],
    [['nope'], EXIT.usage],
    [['token'], EXIT.usage],
    [['token', 'revoke'], EXIT.usage],
  ])('stele %j ends with %d', async (args, expected) => expect((await run(args)).exitCode).toBe(expected));
});

describe('CLI-2 data on stdout, talk on stderr', () => {
  const failing: Register = (program, host) => {
    host.bind(program.command('fail'), async () => {
      throw new TlogError('fork', 'two roots', { details: { size: 7 } });
    });
    host.bind(program.command('check'), async () => EXIT.failed);
  };

  test('an error is a line on stderr, with --json one JSON line', async () => {
    const text = await run(['fail'], { commands: [failing] });
    expect(text).toEqual({ exitCode: 1, stdout: '', stderr: 'stele: fork: two roots\n' });
    const json = await run(['fail', '--json'], { commands: [failing] });
    expect(json.stdout).toBe('');
    expect(JSON.parse(json.stderr)).toEqual({
      error: { code: 'fork', message: 'two roots', details: { size: 7 } },
    });
  });

  test('a command that ran and found a failure says so by its exit code', async () => {
    expect((await run(['check'], { commands: [failing] })).exitCode).toBe(1);
  });
});
