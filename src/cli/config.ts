import { z } from 'zod';
import { TlogError } from '../core/error.ts';
import { LOG_NAME } from '../core/log-name.ts';
import { type WitnessingSettings, witnessingSettings } from './witnessing-settings.ts';

/** A timer of Node holds no more than 24.8 days. */
const SCRUB_SECONDS_MAX = 2_000_000;
/** A day: what rots is found within one. */
const SCRUB_SECONDS = 86_400;
/** More is no limit: 0 says so. */
const RATE_MAX = 1_000_000;
const path: z.ZodString = z.string().min(1);

/** Settings from one source, by their one name: camelCase in the file, `--kebab-case` as a flag. */
export interface Settings {
  readonly data?: string | undefined;
  readonly guard?: string | undefined;
  readonly listen?: string | undefined;
  readonly opsListen?: string | undefined;
  readonly reserveBytes?: number | undefined;
  readonly scrubSeconds?: number | undefined;
  readonly logRate?: number | undefined;
  readonly clientRate?: number | undefined;
  readonly trustedProxies?: readonly string[] | undefined;
  readonly alerts?: string | undefined;
  readonly policy?: string | undefined;
  readonly witnessing?: Readonly<Record<string, WitnessingSettings>> | undefined;
  readonly log?: string | undefined;
  readonly server?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}

const shape = {
  data: path.optional(),
  guard: path.optional(),
  listen: z.string().optional(),
  opsListen: z.string().optional(),
  reserveBytes: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
  scrubSeconds: z.number().int().nonnegative().max(SCRUB_SECONDS_MAX).optional(),
  logRate: z.number().int().nonnegative().max(RATE_MAX).optional(),
  clientRate: z.number().int().nonnegative().max(RATE_MAX).optional(),
  trustedProxies: z.array(z.string()).optional(),
  alerts: path.optional(),
  policy: path.optional(),
  witnessing: witnessingSettings.optional(),
  log: z.string().regex(LOG_NAME, 'a log name is a-z, 0-9 and "-", at most 63').optional(),
  server: z.url({ protocol: /^https?$/ }).optional(),
  token: z.string().min(1).optional(),
  tokenFile: path.optional(),
};
const settings: z.ZodType<Settings> = z.strictObject(shape);

/** Every setting there is. */
export const SETTING_NAMES: readonly string[] = Object.freeze(Object.keys(shape));

/** Where to listen. Port 0 takes any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** All settings, decided. Frozen. */
export interface Config {
  readonly data: string;
  readonly guard: string;
  readonly listen: ListenAddress;
  readonly opsListen?: ListenAddress;
  readonly reserveBytes?: number;
  /** From one scrubbing pass to the next; 0: none. */
  readonly scrubSeconds: number;
  /** Requests a second that a witness takes for one log; 0: no limit. */
  readonly logRate?: number;
  /** Requests a second that a server takes of one client; 0 and undefined: no limit. */
  readonly clientRate?: number;
  /** Addresses and networks whose X-Forwarded-For counts. */
  readonly trustedProxies?: readonly string[];
  /** File that names where alerts go. */
  readonly alerts?: string;
  /** File of the witness policy of the first log. */
  readonly policy?: string;
  /** How logs are witnessed, by name. */
  readonly witnessing?: Readonly<Record<string, WitnessingSettings>>;
  readonly log: string;
  /** Base URL without a trailing slash and without /logs/… */
  readonly server: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

const ENVIRONMENT = {
  data: 'STELE_DATA',
  guard: 'STELE_GUARD',
  listen: 'STELE_LISTEN',
  log: 'STELE_LOG',
  server: 'STELE_SERVER',
  token: 'STELE_TOKEN',
  tokenFile: 'STELE_TOKEN_FILE',
} as const satisfies Partial<Record<keyof Settings, string>>;

/** Step 1a: the settings in the environment. An empty variable counts as absent. */
export function environmentSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const found: Record<string, string> = {};
  for (const [setting, variable] of Object.entries(ENVIRONMENT)) {
    const value = env[variable];
    if (value !== undefined && value !== '') found[setting] = value;
  }
  return checkSettings(found, 'the environment');
}

/** Step 1c: the settings among the flags. @throws TlogError invalid_config */
export function flagSettings(flags: Readonly<Record<string, unknown>>): Settings {
  const found: Record<string, unknown> = {};
  for (const key of Object.keys(shape)) if (flags[key] !== undefined) found[key] = flags[key];
  return checkSettings(found, 'the flags');
}

/**
 * Step 2: one record of settings; of each, the first source that has it wins. `token` and `tokenFile` are one
 * setting in two spellings, so either hides both of a later source.
 */
export function mergeSettings(...sources: readonly Settings[]): Settings {
  let merged: Settings = {};
  for (const source of [...sources].reverse()) {
    const { token, tokenFile, ...rest } = merged;
    const named = source.token !== undefined || source.tokenFile !== undefined;
    merged = { ...rest, ...(named ? {} : { token, tokenFile }), ...source };
  }
  return merged;
}

/** The defaults that are not the same for every command. */
export interface Defaults {
  readonly data: string;
  readonly listen: string;
  readonly log: string;
}

const LOG_SERVER: Defaults = { data: './data', listen: '127.0.0.1:8080', log: 'main' };

/** Step 3: what is left out gets its default, addresses are parsed. @throws TlogError invalid_config */
export function decideConfig(merged: Settings, own: Partial<Defaults> = {}): Config {
  const defaults = { ...LOG_SERVER, ...own };
  const { data = defaults.data, listen = defaults.listen, opsListen, server, ...rest } = merged;
  return Object.freeze({
    ...(rest as Omit<Settings, 'data' | 'listen' | 'opsListen' | 'server'>),
    data,
    guard: merged.guard ?? `${data.replace(/\/+$/, '')}.guard`,
    log: merged.log ?? defaults.log,
    scrubSeconds: merged.scrubSeconds ?? SCRUB_SECONDS,
    listen: parseListen(listen),
    ...(opsListen === undefined ? {} : { opsListen: parseListen(opsListen) }),
    server: (server ?? 'http://127.0.0.1:8080').replace(/\/+$/, ''),
  }) as Config;
}

/** `host:port`, `[v6]:port` or `:port` alone, which listens on 127.0.0.1. @throws TlogError invalid_config */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(0|[1-9][0-9]{0,4})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new TlogError(
      'invalid_config',
      `not an address to listen on, such as 127.0.0.1:8080: ${JSON.stringify(text)}`,
    );
  }
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** What one source says, when it is right. @param source as a person names it. @throws TlogError invalid_config */
export function checkSettings(value: unknown, source: string): Settings {
  const result = settings.safeParse(value);
  if (result.success && result.data.token !== undefined && result.data.tokenFile !== undefined) {
    throw new TlogError('invalid_config', `${source} name both a token and a token file; keep one`);
  }
  if (result.success) return result.data;
  const issues = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'top level'}: ${issue.message}`,
  );
  throw new TlogError('invalid_config', `${source}: ${issues.join('; ')}`, { cause: result.error });
}
