import { TlogError } from '../core/error.ts';
import { splitOps } from '../http/ops-port.ts';
import {
  type Doors,
  type RunningServer,
  SERVER_LIMITS,
  type ServedApp,
  type ServerLimits,
  startServer,
} from '../http/server.ts';
import type { Config, ListenAddress } from './config.ts';

/** The ports of a server. */
export interface Servers extends AsyncDisposable {
  readonly url: string;
  /** Where /metrics is, when it has a port of its own. */
  readonly opsUrl?: string;
  close(): Promise<void>;
}

/** Opens the main port and, where there is one, the port of the operator. @throws TlogError invalid_config */
export async function listen(
  config: Pick<Config, 'listen' | 'opsListen'>,
  app: ServedApp,
  limits: ServerLimits = SERVER_LIMITS,
  doors?: Doors,
): Promise<Servers> {
  if (config.opsListen === undefined) return serversOf(await bound(app, config.listen, limits, doors));
  const { ops, rest } = splitOps(app);
  const mainServer = await bound(rest, config.listen, limits, doors);
  try {
    return serversOf(mainServer, await bound(ops, config.opsListen, limits));
  } catch (error) {
    await mainServer.close();
    throw error;
  }
}

type Bound = RunningServer & { readonly url: string };

function serversOf(mainServer: Bound, opsServer?: Bound): Servers {
  const close = async (): Promise<void> => {
    await Promise.all([mainServer.close(), opsServer?.close()]);
  };
  const opsUrl = opsServer === undefined ? {} : { opsUrl: opsServer.url };
  return { url: mainServer.url, ...opsUrl, close, [Symbol.asyncDispose]: close };
}

async function bound(
  app: ServedApp,
  { host, port }: ListenAddress,
  limits: ServerLimits,
  doors?: Doors,
): Promise<Bound> {
  try {
    const server = await startServer(app, { hostname: host, port }, limits, doors);
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
