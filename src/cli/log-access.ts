import { logAccess } from '../client/access.ts';
import { LogCalls } from '../client/log-calls.ts';
import { LogClient } from '../client/log-client.ts';
import { LogTrust, type TrustOptions } from '../client/trust.ts';
import type { Policy } from '../core/note/policy.ts';
import { ed25519Verify } from '../runtime/ed25519.ts';
import { nodeHasher } from '../runtime/node-hasher.ts';
import { accessToken, type CommandContext } from './context.ts';
import { UsageError } from './exit-code.ts';
import { readTrust, type TrustFlags } from './trust.ts';

const TIMEOUT_MS = 60_000;

/** The log of the settings: as it answers, and through a client that verifies when the flags say whom to trust. */
export interface ReachedLog {
  readonly calls: LogCalls;
  readonly client: LogClient | undefined;
  /** Whom that client believes. */
  readonly trust: LogTrust | undefined;
}

/** Ways to the log that the settings name; nothing is asked yet. @throws UsageError */
export async function reachLog(context: CommandContext, flags: TrustFlags): Promise<ReachedLog> {
  const { server, log } = context.config;
  const options = await accessOptions(context, `${server}/logs/${log}`);
  const policy = await readTrust(flags);
  const calls = new LogCalls(logAccess(options));
  if (policy === undefined) return { calls, client: undefined, trust: undefined };
  const trust = trustOf(policy);
  return { calls, client: verifyingClient(options, trust), trust: new LogTrust(trust, ed25519Verify) };
}

/** How a log at an address is reached with the token of the settings. @throws UsageError when the address cannot be one */
export async function accessOptions(
  context: CommandContext,
  logUrl: string,
): Promise<{ logUrl: string; token?: string; timeoutMs: number }> {
  const token = await accessToken(context.config);
  const options = { logUrl, timeoutMs: TIMEOUT_MS, ...(token === undefined ? {} : { token }) };
  try {
    logAccess(options);
    return options;
  } catch (cause) {
    throw new UsageError(`not the address of a log: ${logUrl}`, { cause });
  }
}

/** A client on node:crypto, faster than the portable one. */
export function verifyingClient(options: { logUrl: string; token?: string }, trust: TrustOptions): LogClient {
  return new LogClient({ ...options, trust, ed25519: ed25519Verify, hasher: nodeHasher });
}

/** One log speaks at one address, so the policy must say which of its logs that is. @throws UsageError */
function trustOf(policy: Policy): TrustOptions {
  const [origin, ...others] = new Set(policy.logs.map(({ key }) => key.name));
  if (origin === undefined || others.length > 0) {
    throw new UsageError('the policy does not have exactly one log: name its key with --vkey');
  }
  return { policy, origin };
}
