#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=16
// Two arenas save some 50 MiB at a million entries. In a young generation of less than 16 MiB whatever waits for its commit
// grows old, which costs an eighth of the processor time of 512 connections.
import { commandsFor } from './commands.ts';
import { EXIT } from './exit-code.ts';
import { runCli } from './run.ts';

const stop = new AbortController();

process.once('uncaughtException', (error) => {
  process.stderr.write(`stele: ${error.stack ?? error.message}\n`);
  process.exit(EXIT.fault);
});

// A reader that went away shows in the callback of the write; without a listener it would be uncaught, too.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const args = process.argv.slice(2);
const exitCode = await runCli(args, await commandsFor(args), {
  env: process.env,
  terminal: {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    interactive: process.stderr.isTTY === true,
  },
  stopSignal: () => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort(name));
    return stop.signal;
  },
});

process.exitCode = exitCode;
// After a fault something may still be open that would keep the process, such as a log that did not close in time.
if (exitCode === EXIT.fault) process.exit();
