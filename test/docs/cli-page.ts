import { PassThrough } from 'node:stream';
import { type Argument, Command, type Option } from 'commander';
import { commandsFor } from '../../src/cli/commands.ts';
import { CommandHost } from '../../src/cli/context.ts';

/** Every command with its arguments and flags, as Markdown: what `--help` says, and nothing else. */
export async function cliPage(): Promise<string> {
  return leavesOf(await program())
    .map(commandSection)
    .join('\n');
}

async function program(): Promise<Command> {
  const stream = new PassThrough();
  const terminal = { stdin: stream, stdout: stream, stderr: stream, interactive: false };
  const host = new CommandHost({ terminal, env: {}, stopSignal: () => new AbortController().signal });
  const made = new Command('stele');
  for (const register of await commandsFor([])) register(made, host);
  return made;
}

/** Those that can be run. What only groups others has no flags. */
function leavesOf(command: Command): Command[] {
  const own = command.commands.length === 0 || command.options.length > 0 ? [command] : [];
  return [...own, ...command.commands.flatMap(leavesOf)];
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function commandSection(command: Command): string {
  const words = command.registeredArguments.map((argument) => ` ${argumentName(argument)}`).join('');
  return [
    `## ${nameOf(command)}${words.replaceAll('<', '&lt;')}`,
    '',
    `${sentence(command.description())}`,
    '',
    '| | |',
    '|---|---|',
    ...command.registeredArguments.map((argument) => row(argumentName(argument), argument.description)),
    ...command.options.map(optionRow),
    '',
  ].join('\n');
}

function argumentName(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionRow(option: Option): string {
  const choices = option.argChoices === undefined ? '' : `; one of ${option.argChoices.join(', ')}`;
  const preset = option.defaultValue === undefined ? '' : `; default ${String(option.defaultValue)}`;
  return row(option.flags, `${option.description}${choices}${preset}${option.mandatory ? '; required' : ''}`);
}

function row(name: string, meaning: string): string {
  return `| \`${name}\` | ${meaning.replaceAll('|', '\\|')} |`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
