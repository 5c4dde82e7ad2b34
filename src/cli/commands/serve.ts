import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createApp } from '../../http/app.ts';
import { startServer } from '../../http/server.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Now } from '../../runtime/now.ts';
import { type DataDirectory, listLogs } from '../../sequencer/data-directory.ts';
import { LogSet } from '../../sequencer/log-set.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { describeError, say, writeData, writeJson } from '../terminal.ts';
import { readTokens, type TokenRecord } from '../token-file.ts';

/** From the signal to the end of the process. */
const STOP_MS = 10_000;

/** `stele serve`: the log server, until SIGTERM or SIGINT, or until a log fails. */
export function registerServe(program: Command, host: CommandHost): void {
  const serve = dataFlags(program.command('serve'))
    .description('serve the logs of a data directory')
    .option(
      '--listen <address>',
      'address and port (STELE_LISTEN; default 127.0.0.1:8080; port 0: any free one)',
    );
  host.bind(serve, runServe);
}

async function runServe(context: CommandContext): Promise<ExitCode> {
  const { data, guard, listen } = context.config;
  const dir = { dataPath: data, guardPath: guard };
  // Asked for first: a signal during a long recovery must not be lost.
  const stop = context.stopSignal();
  const logs = await LogSet.open({ dir, clock: systemClock });
  const app = createApp({ logs, tokens: tokensOf(data), clock: systemClock });
  const server = await startServer(app, { hostname: listen.host, port: listen.port });
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  await announce(context, `http://${host}:${server.port}`, dir);
  const failure = await Promise.race([logs.failed, stopped(stop)]);
  if (failure !== undefined) say(context.terminal, describeError(failure, context.json));
  const closed = await within(
    STOP_MS,
    server.close().then(() => logs.close()),
  );
  // A log that was not closed marks no clean stop, and the next start checks everything: worth an exit code.
  return failure === undefined && closed ? EXIT.ok : EXIT.fault;
}

/** The tokens of a running server: read again when their file changes, so that no restart is needed. */
function tokensOf(dataPath: string): () => Now<readonly TokenRecord[]> {
  const path = join(dataPath, 'tokens.json');
  let version: string | undefined;
  let tokens: readonly TokenRecord[] = [];
  return () => {
    // Asked at once: each request asks, and a turn of the thread pool costs twenty times the answer.
    const found = statSync(path, { throwIfNoEntry: false });
    const now = `${found?.ino}/${found?.mtimeMs}/${found?.size}`;
    if (now === version) return tokens;
    return readTokens(dataPath).then((read) => {
      tokens = read;
      version = now;
      return read;
    });
  };
}

async function announce(context: CommandContext, url: string, dir: DataDirectory): Promise<void> {
  const logs = (await listLogs(dir)).map(({ name, kind, origin, vkey }) => ({ name, kind, origin, vkey }));
  if (context.json) return writeJson(context.terminal, { url, logs });
  await writeData(context.terminal, `${url}\n`);
  for (const log of logs) say(context.terminal, `${log.name}: ${log.vkey}`);
}

function stopped(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** Whether the work ended in time. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
