import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { commandsFor } from '../../src/cli/commands.ts';
import { CommandHost, type Register } from '../../src/cli/context.ts';
import { run } from './run-cli.ts';

const all = await commandsFor([]);

function namesOf(registers: readonly Register[]): string[] {
  const stream = new PassThrough();
  const terminal = { stdin: stream, stdout: stream, stderr: stream, interactive: false };
  const host = new CommandHost({ terminal, env: {}, stopSignal: () => new AbortController().signal });
  const program = new Command();
  for (const register of registers) register(program, host);
  return program.commands.map((command) => command.name());
}

/** Every package that a module brings along when it is loaded. */
async function packagesOf(file: string, seen = new Set<string>()): Promise<Set<string>> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const imports = (await readFile(file, 'utf8')).matchAll(
    /^(?:import|export)(?! type)[^;]*?from '([^']+)'/gm,
  );
  for (const [, name = ''] of imports) {
    const found = name.startsWith('.') ? await packagesOf(join(dirname(file), name), seen) : [name];
    for (const one of found) if (!one.startsWith('node:')) packages.add(one);
  }
  return packages;
}

describe('a command is loaded without the others', () => {
  test.each(namesOf(all))('%s', async (name) => {
    const registers = await commandsFor([name, '--json']);
    expect(registers).toHaveLength(1);
    expect(namesOf(registers)).toContain(name);
    expect(all).toEqual(expect.arrayContaining([...registers]));
    expect(await run([name, '--help'])).toEqual(await run([name, '--help'], { commands: all }));
  });

  test.each([
    [[]],
    [['help', 'init']],
    [['--help']],
    [['--json', 'init']],
    [['int']],
    [['toString']],
  ])('all are for %j', async (args) => {
    expect(await commandsFor(args)).toEqual(all);
  });

  test('and what starts every command needs little', async () => {
    const packages = await packagesOf('src/cli/main.ts');
    expect([...packages].sort()).toEqual(['@noble/hashes/sha2.js', 'commander', 'lru-cache', 'zod']);
  });
});
