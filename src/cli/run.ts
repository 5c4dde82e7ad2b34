import { Command, CommanderError } from 'commander';
import { CommandHost, type Register, type Surroundings } from './context.ts';
import { keepEvidence } from './evidence-file.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { describeError, say } from './terminal.ts';

/**
 * Runs one command line and gives back its exit code; every error ends here.
 * @param args the arguments without the names of node and the program
 */
export async function runCli(
  args: readonly string[],
  commands: readonly Register[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  const host = new CommandHost(surroundings);
  const program = createProgram(surroundings);
  for (const register of commands) register(program, host);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return host.exitCode;
  } catch (error) {
    await keepEvidence(error, surroundings.terminal);
    const silent = error instanceof CommanderError;
    if (!silent) say(surroundings.terminal, describeError(error, args.includes('--json')));
    return exitCodeOf(error);
  }
}

/** The program without its commands; sub-commands inherit how it speaks and that it never exits by itself. */
function createProgram(surroundings: Surroundings): Command {
  const { stdout, stderr } = surroundings.terminal;
  return new Command('stele')
    .description('append-only, tamper-evident log: server and tools')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    })
    .showHelpAfterError('(stele help COMMAND lists the options)');
}
