import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { checkDataDirectory } from '../../sequencer/data-directory.ts';
import { expiryArgument, listArgument } from '../arguments.ts';
import { type CommandContext, type CommandHost, dataFlags } from '../context.ts';
import { UsageError } from '../exit-code.ts';
import { say, writeData, writeJson } from '../terminal.ts';
import { createToken, readTokens, revokeToken, SCOPES, type Scope, type TokenRecord } from '../token-file.ts';

/** `stele token create|list|revoke`: access tokens of a data directory. A running server follows the file. */
export function registerToken(program: Command, host: CommandHost): void {
  const token = program.command('token').description('access tokens of a data directory');
  const create = dataFlags(token.command('create'))
    .description('make a token and print it, once')
    .option('--scopes <list>', `of ${SCOPES.join(',')}`, scopesArgument, ['append', 'read'])
    .option('--logs <list>', 'names of the logs it is for (default: every log)', listArgument)
    .option('--expires <when>', 'days such as 90d, or a moment in UTC (default: never)');
  host.bind(create, runCreate);
  const list = dataFlags(token.command('list')).description('list tokens without their secrets');
  host.bind(list, runList);
  const revoke = dataFlags(token.command('revoke'))
    .description('remove a token')
    .argument('<id>', '8 hex digits');
  host.bind<[string]>(revoke, runRevoke);
}

async function runCreate(context: CommandContext, command: Command): Promise<void> {
  const flags: { scopes: readonly Scope[]; logs?: readonly string[]; expires?: string } = command.opts();
  const { dataPath } = await openedDirectory(context);
  const nowMs = Date.now();
  const expiresAt = flags.expires === undefined ? undefined : expiryOf(flags.expires, nowMs);
  const { token, record } = await createToken(
    { dataPath, nowMs, random: randomBytes },
    { scopes: flags.scopes, logs: flags.logs ?? '*', ...(expiresAt === undefined ? {} : { expiresAt }) },
  );
  if (context.json) return writeJson(context.terminal, { token, ...shown(record) });
  await writeData(context.terminal, `${token}\n`);
  say(context.terminal, 'This is shown once: keep it where secrets are kept.');
}

async function runList(context: CommandContext): Promise<void> {
  const { dataPath } = await openedDirectory(context);
  const tokens = await readTokens(dataPath);
  if (context.json) return writeJson(context.terminal, { tokens: tokens.map(shown) });
  for (const record of tokens) {
    const logs = record.logs === '*' ? '*' : record.logs.join(',');
    const line = [record.id, record.scopes.join(','), logs, record.expiresAt ?? 'never'].join('\t');
    await writeData(context.terminal, `${line}\n`);
  }
}

async function runRevoke(context: CommandContext, id: string): Promise<void> {
  const { dataPath } = await openedDirectory(context);
  const record = await revokeToken(dataPath, id);
  if (record === undefined)
    throw new UsageError(`no token has the id ${JSON.stringify(id)}; see stele token list`);
  if (context.json) return writeJson(context.terminal, { revoked: shown(record) });
  say(context.terminal, `Token ${record.id} is revoked.`);
}

/** The record as it may be shown; the hash of a token is nobody's business. */
function shown(record: TokenRecord): Omit<TokenRecord, 'sha256'> {
  const { sha256: _, ...rest } = record;
  return rest;
}

async function openedDirectory(context: CommandContext): Promise<{ dataPath: string }> {
  const { data: dataPath, guard: guardPath } = context.config;
  await checkDataDirectory({ dataPath, guardPath });
  return { dataPath };
}

function scopesArgument(text: string): readonly Scope[] {
  return listArgument(text).map((name) => {
    const scope = SCOPES.find((known) => known === name);
    if (scope === undefined) throw new InvalidArgumentError(`scopes are ${SCOPES.join(', ')}`);
    return scope;
  });
}

function expiryOf(text: string, nowMs: number): string {
  try {
    return expiryArgument(text, nowMs);
  } catch (error) {
    throw new UsageError(`--expires ${text}: ${(error as Error).message}`, { cause: error });
  }
}
