import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { run } from './run-cli.ts';

/** A server that answers everything with one refusal; gives its base URL. */
async function refusingServer(detail: string): Promise<string> {
  const server = createServer((_, outgoing) => {
    outgoing.writeHead(400, { 'Content-Type': 'application/problem+json' });
    outgoing.end(JSON.stringify({ code: 'invalid_request', detail }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The title set anew, a line that looks like ours, the line before overwritten, and C1's way to say ESC [. */
const HOSTILE = 'a\u001b]0;title\u0007\nstele: all is well\r\u009b2J\u007f\u202eb';
const CONTROLS = /[^\P{Cc}\n]|\p{Cf}/u;

test.each([[[]], [['--json']]])('CLI-2 what a server says moves nothing in a terminal %j', async (flags) => {
  const server = await refusingServer(HOSTILE);
  const { exitCode, stdout, stderr } = await run(['checkpoint', '--server', server, ...flags]);
  expect([exitCode, stdout]).toEqual([1, '']);
  expect(stderr).not.toMatch(CONTROLS);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toContain('stele: all is well');
  if (flags.length > 0) expect(JSON.parse(stderr).error.code).toBe('invalid_request');
});

test('CLI-2 nor does what a file is called', async () => {
  const { exitCode, stderr } = await run(['append', 'no\u001b[2Jsuch\u009bfile']);
  expect(exitCode).toBe(2);
  expect(stderr).not.toMatch(CONTROLS);
  expect(stderr).toContain('no\\u001b[2Jsuch\\u009bfile');
});
