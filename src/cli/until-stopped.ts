import type { Logger } from 'pino';
import { EXIT, type ExitCode } from './exit-code.ts';
import type { Servers } from './servers.ts';

/** From the signal to the end of the process. */
const STOP_MS = 10_000;

/** What is served, and how it ends. */
export interface Served {
  readonly servers: Servers;
  readonly lines: Logger;
  readonly stop: AbortSignal;
  /** Resolves with what keeps it from going on. */
  readonly failed: Promise<unknown>;
  /** Called before the answers under way are waited for. */
  onStopping?(): void;
  /** Closes what lies behind the servers. */
  close(): Promise<void>;
}

/**
 * Serves until a signal or a failure, and then stops in order. What was not closed marks no clean stop, and the next start
 * checks everything: worth an exit code.
 */
export async function untilStopped(served: Served): Promise<ExitCode> {
  const { servers, lines, stop, failed, close } = served;
  const failure = await Promise.race([failed, stopped(stop)]);
  if (failure === undefined) lines.info({ signal: String(stop.reason) }, 'stopping');
  else lines.fatal({ err: failure }, 'the process ends');
  served.onStopping?.();
  const inOrder = await within(STOP_MS, servers.close().then(close));
  lines.info({ inOrder }, 'stopped');
  return failure === undefined && inOrder ? EXIT.ok : EXIT.fault;
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
