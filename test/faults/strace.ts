import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Stops threads at the calls that are looked at alone: a start that stops at each of its thousands of calls takes twice as long. Where
 * the kernel cannot do that strace does without.
 */
const FEW_STOPS = '--seccomp-bpf';

/** Why strace cannot be used here, or undefined. In CI that is no excuse. */
export function straceMissing(): string | undefined {
  try {
    execFileSync('strace', ['-f', FEW_STOPS, '-qq', '-o', '/dev/null', 'true'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const reason = `strace does not run here: ${(error as Error).message}`;
    if (process.env['CI'] === 'true') return undefined;
    console.warn(`skipped: ${reason}`);
    return reason;
  }
}

/** What happens to the k-th call of a thread, counted from 1: an error, or SIGKILL. */
export interface Injection {
  readonly syscall: string;
  readonly fault: 'EIO' | 'ENOSPC' | 'EROFS' | 'SIGKILL';
  readonly k: number;
  /** Only calls that name this file or have it open. */
  readonly path?: string;
}

/** The arguments of strace that write calls of these names to `out`. */
export function tracing(calls: string, out: string): string[] {
  return ['-f', FEW_STOPS, '-qq', '-o', out, '-e', `trace=${calls}`];
}

/** The arguments of strace that inject; calls are written to `out`. No signal goes out at one of the few stops. */
export function injecting({ syscall, fault, k, path }: Injection, out: string): string[] {
  const what = fault === 'SIGKILL' ? 'signal=SIGKILL' : `error=${fault}`;
  const only = path === undefined ? [] : ['-P', path];
  const inject = [...only, '-e', `inject=${syscall}:${what}:when=${k}`];
  return [...tracing(syscall, out).filter((arg) => fault !== 'SIGKILL' || arg !== FEW_STOPS), ...inject];
}

/** Traces a running process from now on; resolves once it does. It goes when the process does, or by `stop`. */
export async function attachStrace(pid: number, args: readonly string[]): Promise<{ stop(): Promise<void> }> {
  // Not quiet: its message is how one knows that every thread is traced. Who is attached to makes all stops.
  const told = args.filter((arg) => arg !== '-qq' && arg !== FEW_STOPS);
  const child = spawn('strace', ['-p', `${pid}`, ...told], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close');
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
      if (/attached/.test(said)) resolve();
    });
    void ended.then(() => reject(new Error(`strace ended: ${said}`)));
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGINT');
    await ended;
  };
  return { stop };
}
