/**
 * The command line: arguments in, exit code out. Verbs are loaded when they are used, so that `get` starts as fast as it can.
 * It constructs no part of a higher floor: the composition root hands those in.
 */
import { CommanderError } from 'commander';
import { Context, type Parts } from './context.ts';
import { exitCodeOf, tellError } from './errors.ts';
import { createProgram } from './program.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/** Runs one command line in this process and leaves its exit code. */
export async function main(argv: readonly string[], parts: Parts): Promise<void> {
  process.exitCode = await run(argv, processTerminal(), parts);
}

/** Runs one command line; never rejects. 0 good, 1 differs or invalid, 2 usage, 3 not reachable, 4 refused, 5 timed out. */
export async function run(argv: readonly string[], terminal: Terminal, parts: Parts): Promise<number> {
  let exitCode = 0;
  const program = createProgram(
    terminal,
    (globals) => new Context(terminal, parts, globals),
    (code) => (exitCode = code),
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    // commander has printed its own words by now; help and version are not errors
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    tellError(terminal, thrown);
    return exitCodeOf(thrown);
  }
}
