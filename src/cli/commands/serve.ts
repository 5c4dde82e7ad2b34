import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Hono } from 'hono';
import type { Logger } from 'pino';
import { TlogError } from '../../core/error.ts';
import { type AppDeps, createApp } from '../../http/app.ts';
import type { ScrubSource } from '../../http/audit.ts';
import { splitOps } from '../../http/ops-port.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Now } from '../../runtime/now.ts';
import { type DataDirectory, listLogs } from '../../sequencer/data-directory.ts';
import { LogSet } from '../../sequencer/log-set.ts';
import { byteCount, secondCount } from '../arguments.ts';
import { backupSource } from '../backup-source.ts';
import type { ListenAddress } from '../config.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { isOneDevice, ONE_DEVICE } from '../one-device.ts';
import { createOperatorLog } from '../operator-log.ts';
import { Scrubbers, tellFinding } from '../scrubbers.ts';
import { say, writeData, writeJson } from '../terminal.ts';
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
    )
    .option('--ops-listen <address>', 'serve /metrics and the routes of backups there, and there only')
    .option(
      '--reserve-bytes <bytes>',
      'disk space that entries never take (default: 1 GiB or 5 % of the volume, the lesser; 0: none)',
      byteCount,
    )
    .option(
      '--scrub-seconds <seconds>',
      'from one reading of all stored bytes to the next (default: 86400, a day; 0: never)',
      secondCount,
    );
  host.bind(serve, runServe);
}

async function runServe(context: CommandContext): Promise<ExitCode> {
  const { data, guard, reserveBytes, scrubSeconds } = context.config;
  const dir = { dataPath: data, guardPath: guard };
  // Asked for first: a signal during a long recovery must not be lost.
  const stop = context.stopSignal();
  const lines = createOperatorLog(context.terminal);
  const scrubbers = new Scrubbers(dir, scrubSeconds, lines);
  const logs = await LogSet.open(
    { dir, clock: systemClock },
    {
      ...(reserveBytes === undefined ? {} : { reserveBytes }),
      onFinding: (finding, unkept) => tellFinding(lines, finding, unkept),
      attend: (log) => scrubbers.attend(log),
    },
  );
  try {
    const onBug = (err: unknown): void => lines.error({ err }, 'a request failed');
    const scrub: ScrubSource = (log) => scrubbers.status(log);
    const deps = {
      logs,
      tokens: tokensOf(data),
      clock: systemClock,
      onBug,
      scrub,
      backup: backupSource(dir, logs),
    };
    await using servers = await listen(context, deps);
    if (await isOneDevice(dir)) warnOfOneDevice(context, lines);
    await announce(context, servers, dir);
    lines.info({ url: servers.url, opsUrl: servers.opsUrl, logs: logs.names() }, 'serving');
    const failure = await Promise.race([logs.failed, stopped(stop)]);
    if (failure === undefined) lines.info({ signal: String(stop.reason) }, 'stopping');
    else lines.fatal({ err: failure }, 'a log failed: the process ends');
    const inOrder = await within(
      STOP_MS,
      servers.close().then(() => logs.close()),
    );
    lines.info({ inOrder }, 'stopped');
    // A log that was not closed marks no clean stop, and the next start checks everything: worth an exit code.
    return failure === undefined && inOrder ? EXIT.ok : EXIT.fault;
  } catch (error) {
    await logs.close();
    throw error;
  }
}

function warnOfOneDevice({ terminal, config: { data, guard } }: CommandContext, lines: Logger): void {
  if (terminal.interactive) say(terminal, `Warning: ${ONE_DEVICE}.`);
  else lines.warn({ data, guard }, ONE_DEVICE);
}

interface Servers extends AsyncDisposable {
  readonly url: string;
  /** Where /metrics is, when it has a port of its own. */
  readonly opsUrl?: string;
  close(): Promise<void>;
}

/** Opens the port of the logs and, where there is one, the port of the operator. */
async function listen({ config }: CommandContext, deps: AppDeps): Promise<Servers> {
  const app = createApp(deps);
  if (config.opsListen === undefined) return serversOf(await bound(app, config.listen));
  const { ops, rest } = splitOps(app);
  const logServer = await bound(rest, config.listen);
  try {
    return serversOf(logServer, await bound(ops, config.opsListen));
  } catch (error) {
    await logServer.close();
    throw error;
  }
}

type Bound = RunningServer & { readonly url: string };

function serversOf(logServer: Bound, opsServer?: Bound): Servers {
  const close = async (): Promise<void> => {
    await Promise.all([logServer.close(), opsServer?.close()]);
  };
  const opsUrl = opsServer === undefined ? {} : { opsUrl: opsServer.url };
  return { url: logServer.url, ...opsUrl, close, [Symbol.asyncDispose]: close };
}

async function bound(app: Hono, { host, port }: ListenAddress): Promise<Bound> {
  try {
    const server = await startServer(app, { hostname: host, port });
    return { ...server, url: `http://${host.includes(':') ? `[${host}]` : host}:${server.port}` };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TlogError(
      'invalid_config',
      `cannot listen on ${host}:${port}: ${why}; name another address with --listen or --ops-listen`,
      { cause },
    );
  }
}

/** The tokens of a running server: read again when their file changes, so that no restart is needed. */
function tokensOf(dataPath: string): () => Now<readonly TokenRecord[]> {
  const path = join(dataPath, 'tokens.json');
  let version: string | undefined;
  let tokens: readonly TokenRecord[] = [];
  let isFresh = false;
  return () => {
    if (isFresh) return tokens;
    // Asked at once: a turn of the thread pool costs twenty times the answer, which holds for this turn of the event loop.
    const found = statSync(path, { throwIfNoEntry: false });
    const now = `${found?.ino}/${found?.mtimeMs}/${found?.size}`;
    if (now === version) {
      isFresh = true;
      setImmediate(() => {
        isFresh = false;
      });
      return tokens;
    }
    return readTokens(dataPath).then((read) => {
      tokens = read;
      version = now;
      return read;
    });
  };
}

async function announce(
  context: CommandContext,
  { url, opsUrl }: Servers,
  dir: DataDirectory,
): Promise<void> {
  const manifests = await listLogs(dir);
  const logs = manifests.map(({ name, kind, origin, vkey, reads = 'public' }) => {
    return { name, kind, origin, vkey, reads };
  });
  if (context.json)
    return writeJson(context.terminal, { url, ...(opsUrl === undefined ? {} : { opsUrl }), logs });
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
