/** Every verb with its flags and words of help. No work is done here; docs/cli.md is generated from this. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../base/duration.ts';
import type { Context, Globals } from './context.ts';
import type { Terminal } from './terminal.ts';

const groups = { run: 'Run:', look: 'Look:', change: 'Change what is declared:', operate: 'Operate:', care: 'Care:' };

export const getKinds = ['services', 'rollouts', 'revisions', 'instances', 'tools', 'events', 'sources'] as const;

/** The program for one run. `contextOf` makes the verbs' surroundings of the global flags; `exit` takes a verb's exit code. */
export function createProgram(terminal: Terminal, contextOf: (globals: Globals) => Context, exit: (code: number) => void): Command {
  const program = new Command('fairlead')
    .description('Declarative GitOps controller for MCP services: manifests in a folder, checked with real tool calls, behind one gateway.')
    .option('--server <url>', 'status API of the controller (FAIRLEAD_SERVER; otherwise the running one nearby, or http://127.0.0.1:7401)')
    .option('--data-dir <dir>', 'data directory of the controller (FAIRLEAD_DATA_DIR; otherwise .fairlead beside the manifests)')
    .helpCommand(true)
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(`${terminal.errPaint.bad('error:')} ${text.replace(/^error: /, '')}`),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });

  /** Binds a verb to its module, loaded when it is used. The verb gets the context, its arguments, and last its options. */
  const bind = <Args extends unknown[]>(
    command: Command,
    load: () => Promise<(context: Context, ...args: Args) => Promise<number>>,
  ): Command =>
    command.action(async (...given: unknown[]) => {
      const args = given.slice(0, -1) as Args;
      exit(await (await load())(contextOf(command.optsWithGlobals<Globals>()), ...args));
    });
  const verb = (group: keyof typeof groups, name: string, description: string, examples: readonly string[] = []): Command => {
    const command = program.command(name).description(description).helpGroup(groups[group]);
    return examples.length === 0
      ? command
      : command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
  };
  const output = (...choices: string[]): Option => new Option('-o, --output <format>', 'how to print it').choices(choices);

  bind(
    verb('run', 'up', 'Bring a folder of manifests up and keep it true until Ctrl-C.', [
      'fairlead up examples/manifests',
      'fairlead up . --gateway 127.0.0.1:0',
    ])
      .argument('[path]', 'the manifests folder', '.')
      .addOption(
        new Option('--gateway <host:port>', 'where clients connect').env('FAIRLEAD_GATEWAY').default('127.0.0.1:7400').argParser(address),
      )
      .addOption(
        new Option('--status <host:port>', 'where the read-only status API listens')
          .env('FAIRLEAD_STATUS')
          .default('127.0.0.1:7401')
          .argParser(address),
      )
      .addOption(
        new Option('--insecure-listen', 'listen beyond loopback though nothing asks callers who they are').env('FAIRLEAD_INSECURE_LISTEN'),
      ),
    async () => (await import('./commands/up.ts')).up,
  );

  bind(
    verb('look', 'get', 'List things, one line each.', [
      'fairlead get services',
      'fairlead get services -o wide --state Error',
      'fairlead get instances files -o json',
      'fairlead get services -w',
    ])
      .addArgument(new Argument('<kind>', 'what to list').choices(getKinds))
      .argument('[name]', 'a service (or one tool, source): only what is of it')
      .addOption(output('wide', 'json', 'yaml', 'name'))
      .option('-w, --watch', 'go on printing what changes')
      .option('-l, --selector <labels>', 'labels: team=platform,tier!=test')
      .option('--state <state>', 'lifecycle states, comma-separated: Active,Error')
      .option('--type <type>', 'service type: server or remote')
      .option('--tag <tag>', 'services with this tag')
      .option('--sort-by <column>', 'a column of the table, such as state or age'),
    async () => (await import('./commands/get.ts')).get,
  );

  bind(
    verb('change', 'validate', 'Check manifests: every problem of every file, with its place. Needs no controller.', [
      'fairlead validate examples/manifests',
      'fairlead validate . -o github',
    ])
      .argument('<path...>', 'files or folders')
      .addOption(output('json', 'github', 'junit')),
    async () => (await import('./commands/validate.ts')).validate,
  );

  bind(
    verb('care', 'version', 'Say which Fairlead this is, and which one the controller runs.').addOption(output('json')),
    async () => (await import('./commands/version.ts')).version,
  );
  return program;
}

/** `HOST:PORT`, `[::1]:7400` or a port alone. */
export function address(text: string): { host: string; port: number } {
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/i.exec(text);
  if (match === null || Number(match[3]) > 65_535) throw new InvalidArgumentError('It must be HOST:PORT, such as 127.0.0.1:7400.');
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port: Number(match[3]) };
}

/** A duration flag in ms. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a duration with a unit, such as 90s or 5m.');
  return ms;
}
