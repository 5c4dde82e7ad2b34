import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { TlogError } from '../core/error.ts';
import {
  type Config,
  type Defaults,
  decideConfig,
  environmentSettings,
  flagSettings,
  mergeSettings,
  type Settings,
} from './config.ts';
import { type ExitCode, UsageError } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

/** What the process gives to the command line. Only src/cli/main.ts makes one of the real process. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at SIGTERM or SIGINT; asking for it takes those signals over from Node. */
  stopSignal(): AbortSignal;
}

/** What a command gets: its settings, decided, and the way to the terminal. */
export interface CommandContext extends Surroundings {
  readonly config: Config;
  /** Whether stdout carries JSON for a program. */
  readonly json: boolean;
}

/** Runs a command; what it returns is the exit code, nothing being 0. */
export type CommandRun<Args extends readonly unknown[]> = (
  context: CommandContext,
  ...args: Args
) => Promise<ExitCode | undefined> | Promise<void>;

/** Registers one command in the program. */
export type Register = (program: Command, host: CommandHost) => void;

/** Ties commands to the surroundings and keeps the exit code of the one that ran. */
export class CommandHost {
  readonly #surroundings: Surroundings;
  exitCode: ExitCode = 0;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Makes `run` the action of `command`, after its arguments are parsed and its settings decided. */
  bind<Args extends readonly unknown[] = []>(
    command: Command,
    run: CommandRun<[...Args, Command]>,
    defaults?: Partial<Defaults>,
  ): Command {
    command.option('--json', 'JSON on stdout, and errors as JSON on stderr');
    command.option('--config <file>', 'config file (default: config.yaml in the data directory)');
    return command.action(async (...given: unknown[]) => {
      const args = given.slice(0, -2) as unknown as Args;
      const flags = command.optsWithGlobals();
      const config = await loadConfig(flags, this.#surroundings.env, defaults);
      const context = { ...this.#surroundings, config, json: flags['json'] === true };
      this.exitCode = (await run(context, ...args, command)) ?? 0;
    });
  }
}

/** Adds the flags of commands that work on the data directory itself. */
export function dataFlags(command: Command): Command {
  return command
    .option('--data <folder>', 'data directory (STELE_DATA; default ./data)')
    .option('--guard <folder>', 'guard folder (STELE_GUARD; default: the data directory with .guard behind)');
}

/** Adds the flags of commands that talk to a server. */
export function serverFlags(command: Command): Command {
  command
    .option('--server <url>', 'base URL of the server (STELE_SERVER; default http://127.0.0.1:8080)')
    .option('--log <name>', 'name of the log (STELE_LOG; default main)');
  return tokenFlags(command);
}

/** Adds the flags that name an access token. */
export function tokenFlags(command: Command): Command {
  return command
    .option('--token <token>', 'access token (STELE_TOKEN)')
    .option('--token-file <file>', 'file that holds the access token (STELE_TOKEN_FILE)');
}

/** The access token to send; undefined when there is none. @throws UsageError when its file cannot be read, or it can be none */
export async function accessToken(config: Config): Promise<string | undefined> {
  const token = config.token ?? (await tokenIn(config.tokenFile));
  // A token is copied by hand, and anything else would fail as a header, which looks like a broken connection.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new UsageError('the access token is not one: copy it again, whole and without white space');
  return token;
}

async function tokenIn(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new UsageError(`cannot read the token file ${file}: ${(error as Error).message}`, { cause: error });
  }
}

async function loadConfig(
  flags: Record<string, unknown>,
  env: Surroundings['env'],
  defaults?: Partial<Defaults>,
): Promise<Config> {
  const outer = mergeSettings(flagSettings(flags), environmentSettings(env));
  const named = typeof flags['config'] === 'string' ? flags['config'] : env['STELE_CONFIG'] || undefined;
  const file = named ?? join(decideConfig(outer, defaults).data, 'config.yaml');
  return decideConfig(mergeSettings(outer, await readSettings(file, named !== undefined)), defaults);
}

async function readSettings(file: string, named: boolean): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (!named && (code === 'ENOENT' || code === 'ENOTDIR')) return {};
    throw new TlogError(
      'invalid_config',
      `cannot read the config file ${file}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  const { fileSettings } = await import('./config-file.ts');
  const found = fileSettings(text, file);
  if (!named && found.data !== undefined) {
    throw new TlogError('invalid_config', `${file} lies in the data directory and cannot name another one`);
  }
  return found;
}
