/** Every verb with its flags and words of help. No work is done here; docs/cli.md is generated from this. */
import { Argument, Command, Option } from 'commander';
import { version } from '../base/version.ts';
import type { Context, Globals } from './context.ts';
import { collect, duration, kind, listener, output, positive, truth, withInput, withRefs, withWait, withWriting } from './flags.ts';
import type { Terminal } from './terminal.ts';

const groups = {
  run: 'Run:',
  look: 'Look:',
  use: 'Use what is served:',
  change: 'Change what is declared:',
  operate: 'Operate:',
  care: 'Care:',
};
type Group = keyof typeof groups;

const getKinds = ['services', 'rollouts', 'revisions', 'instances', 'tools', 'events', 'sources'] as const;

/** The program for one run. `contextOf` makes the verbs' surroundings of the global flags; `exit` takes a verb's exit code. */
export function createProgram(terminal: Terminal, contextOf: (globals: Globals) => Context, exit: (code: number) => void): Command {
  const program = new Command('fairlead')
    .description('Declarative GitOps controller for MCP services: manifests in a folder, checked with real tool calls, behind one gateway.')
    .option('--server <url>', 'status API of the controller (FAIRLEAD_SERVER; otherwise the running one nearby, or http://127.0.0.1:7401)')
    .option('--data-dir <dir>', 'data directory of the controller (FAIRLEAD_DATA_DIR; otherwise .fairlead beside the manifests)')
    .version(version, '-V, --version', 'say which Fairlead this is')
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(`${terminal.errPaint.bad('error:')} ${text.replace(/^error: /, '')}`),
      getOutHelpWidth: () => (terminal.interactive ? terminal.columns : 120),
      getErrHelpWidth: () => (terminal.interactive ? terminal.columns : 120),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  const verbs = new Verbs(program, contextOf, exit);
  addRun(verbs);
  addLook(verbs);
  addUse(verbs);
  addChange(verbs);
  addOperate(verbs);
  addRollout(verbs);
  addCare(verbs);
  addHelp(program);
  return program;
}

/** commander's own knows verbs of one word alone, and shows everything for one that it does not know. */
function addHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .description('display help for command')
    .argument('[command...]', 'the verb, such as rollout undo')
    .action((words: readonly string[]) => {
      let found = program;
      for (const word of words) {
        const next = found.commands.find((command) => command.name() === word);
        if (next === undefined) program.error(`error: unknown command '${words.join(' ')}'`);
        found = next;
      }
      found.help();
    });
}

type Verb<Args extends unknown[]> = (context: Context, ...args: Args) => Promise<number>;

class Verbs {
  readonly program: Command;
  readonly #contextOf: (globals: Globals) => Context;
  readonly #exit: (code: number) => void;

  constructor(program: Command, contextOf: (globals: Globals) => Context, exit: (code: number) => void) {
    this.program = program;
    this.#contextOf = contextOf;
    this.#exit = exit;
  }

  /** A new verb; `examples` are whole command lines, which the docs test runs through the parser. */
  add(group: Group, name: string, description: string, examples: readonly string[] = [], parent: Command = this.program): Command {
    const command = parent.command(name).description(description);
    if (parent === this.program) command.helpGroup(groups[group]);
    return examples.length === 0
      ? command
      : command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
  }

  /** Binds a verb to its module, loaded when it is used. The verb gets the context, its arguments, and last its options. */
  bind<Args extends unknown[]>(command: Command, load: () => Promise<Verb<Args>>): Command {
    return command.action(async (...given: unknown[]) => {
      const args = given.slice(0, -1) as Args;
      this.#exit(await (await load())(this.#contextOf(command.optsWithGlobals<Globals>()), ...args));
    });
  }
}

function addRun(verbs: Verbs): void {
  verbs.bind(
    verbs
      .add('run', 'up', 'Bring a folder of manifests up and keep it true until Ctrl-C.', [
        'fairlead up examples/manifests',
        'fairlead up . --gateway 127.0.0.1:0 --status 127.0.0.1:0',
      ])
      .argument('[path]', 'the manifests folder (the source of fairlead.yaml with -c; else the folder you are in)')
      .option('-c, --config <file>', 'settings of the controller, a manifest of kind Controller')
      .addOption(new Option('--gateway <host:port>', 'where clients connect (127.0.0.1:7400)').env('FAIRLEAD_GATEWAY').argParser(listener))
      .addOption(
        new Option('--status <host:port>', 'where the read-only status API listens (127.0.0.1:7401)')
          .env('FAIRLEAD_STATUS')
          .argParser(listener),
      )
      .addOption(
        new Option('--insecure-listen', 'listen beyond loopback though nothing asks callers who they are').env('FAIRLEAD_INSECURE_LISTEN'),
      ),
    async () => (await import('./commands/up.ts')).up,
  );
  verbs.bind(
    verbs
      .add('run', 'down', 'Drain and stop everything that `up` started.', ['fairlead down'])
      .addOption(new Option('--timeout <duration>', 'how long to wait for it').argParser(duration).default(180_000, '3m')),
    async () => (await import('./commands/operate.ts')).down,
  );
}

function addLook(verbs: Verbs): void {
  verbs.bind(
    verbs
      .add('look', 'get', 'List things, one line each.', [
        'fairlead get services',
        'fairlead get services -o wide --state Error',
        'fairlead get instances files -o json',
        'fairlead get services -w',
      ])
      .addArgument(kind('what to list', getKinds))
      .argument('[name]', 'only what is of this service (or the source of this name)')
      .addOption(output('wide', 'json', 'yaml', 'name'))
      .option('-w, --watch', 'go on printing what changes')
      .option('-l, --selector <labels>', 'labels: team=platform,tier!=test')
      .option('--state <state>', 'lifecycle states, comma-separated: Active,Error')
      .option('--type <type>', 'service type: server or remote')
      .option('--tag <tag>', 'services with this tag')
      .option('--sort-by <column>', 'a column of the table, such as state or age'),
    async () => (await import('./commands/get.ts')).get,
  );
  verbs.bind(
    verbs
      .add(
        'look',
        'describe',
        'Tell all of one service: state, conditions, instances, rollout, why the last one ended, events; or of one source.',
        ['fairlead describe service files', 'fairlead describe source platform'],
      )
      .addArgument(kind('what to describe', ['service', 'source']))
      .argument('<name>', 'the service or source'),
    async () => (await import('./commands/describe.ts')).describe,
  );
  verbs.bind(
    verbs
      .add('look', 'explain', 'Say where each resolved value of a service comes from, and what it overrode.', [
        'fairlead explain files',
        'fairlead explain files --field spec.limits.callTimeout',
      ])
      .argument('<service>', 'the service')
      .option('--field <path>', 'one field, such as spec.limits.callTimeout')
      .addOption(output('json')),
    async () => (await import('./commands/describe.ts')).explain,
  );
  verbs.bind(
    verbs
      .add('look', 'logs', 'Print what the instances of a service wrote to stderr.', [
        'fairlead logs files',
        'fairlead logs files -f --tail 20',
      ])
      .argument('<service>', 'the service, also one that is gone: for 30 days after it last wrote')
      .option('-f, --follow', 'go on printing, over restarts and rotations')
      .option('--instance <name>', 'one instance only')
      .option('--tail <lines>', 'only the last so many lines', positive),
    async () => (await import('./commands/logs.ts')).logs,
  );
  verbs.bind(
    verbs
      .add('look', 'events', 'Print what happened, oldest first.', ['fairlead events', 'fairlead events files -w'])
      .argument('[service]', 'only what happened to this service')
      .option('-w, --watch', 'go on printing what happens')
      .option('--limit <count>', 'the newest so many', positive, 50)
      .addOption(output('json')),
    async () => (await import('./commands/call.ts')).events,
  );
}

function addUse(verbs: Verbs): void {
  verbs.bind(
    verbs
      .add('use', 'tools', 'Find tools by words in their names and descriptions.', ['fairlead tools', 'fairlead tools directory'])
      .argument('[query...]', 'words that must all occur')
      .addOption(output('wide', 'json')),
    async () => (await import('./commands/call.ts')).tools,
  );
  verbs.bind(
    verbs
      .add('use', 'call', 'Call a tool through the gateway, like any client.', [
        'fairlead call get-sum --service everything --arg a=2 --arg b=3',
        'fairlead call files__list_directory --arg path=../data',
      ])
      .argument('<tool>', 'its name, alone or as it is at /mcp')
      .option('--arg <key=value>', 'an argument, typed by the tool’s schema; key:=JSON as it stands', collect)
      .option('--json <object>', 'all arguments as one JSON object')
      .option('--service <service>', 'the service, where several offer a tool of this name')
      .addOption(new Option('--timeout <duration>', 'how long to wait for the answer').argParser(duration).default(120_000, '2m'))
      .addOption(output('json')),
    async () => (await import('./commands/call.ts')).call,
  );
}

function addChange(verbs: Verbs): void {
  verbs.bind(
    verbs
      .add('change', 'validate', 'Check manifests: every problem of every file, with its place. Needs no controller.', [
        'fairlead validate examples/manifests',
        'fairlead validate . -o github',
        'fairlead validate deploy --locked',
      ])
      .argument('<path...>', 'files, folders, or - for stdin')
      .option('--locked', 'hold them to fairlead.lock: it is there, speaks of them alone, and nothing is approved beside it')
      .addOption(output('json', 'github', 'junit')),
    async () => (await import('./commands/validate.ts')).validate,
  );
  verbs.bind(
    withRefs(
      withInput(
        verbs.add(
          'change',
          'diff',
          'Show how resolved services would differ from what is declared now, or between two git refs. Exit 0 same, 1 differs, 2 invalid.',
          ['fairlead diff -f files.yaml', 'fairlead diff --from origin/main --to HEAD'],
        ),
      ),
    ).addOption(output('json', 'github')),
    async () => (await import('./commands/changes.ts')).diff,
  );
  verbs.bind(
    withRefs(
      withInput(
        verbs.add('change', 'plan', 'Show the diff and what would happen: rollouts, steps, dependants; and a token for apply.', [
          'fairlead plan -f files.yaml',
          'fairlead plan -f manifests -o markdown',
          'fairlead plan --from origin/main --to HEAD -o markdown',
        ]),
      ),
    ).addOption(output('json', 'markdown', 'github')),
    async () => (await import('./commands/changes.ts')).plan,
  );
  verbs.bind(
    verbs
      .add(
        'change',
        'comment',
        'Put a plan on a pull request, or in the place of the one put there before (token: FAIRLEAD_FORGE_TOKEN).',
        ['fairlead comment 7 -f plan.md --repository https://github.com/acme/services'],
      )
      .argument('<number>', 'the pull or merge request', positive)
      .requiredOption('-f, --filename <path>', 'what `fairlead plan -o markdown` printed, or - for stdin')
      .requiredOption('--repository <url>', 'where the pull request is: the URL of the remote or of the project')
      .addOption(new Option('--forge <kind>', 'where the name of its host does not tell').choices(['github', 'gitlab', 'gitea']))
      .option('--api <url>', 'the API of the forge, where it is not in the usual place'),
    async () => (await import('./commands/comment.ts')).comment,
  );
  verbs.bind(
    withWriting(
      withWait(
        withInput(
          verbs.add('change', 'apply', 'Write manifests to the source, a commit where that is git; what runs follows from there.', [
            'fairlead apply -f files.yaml --wait',
            'fairlead apply -f manifests --prune --dry-run',
            'fairlead apply -f files.yaml --propose -m "Calls may take 90 seconds"',
          ]),
        ),
      ),
    )
      .option('--dry-run', 'only say what would happen')
      .option('--plan <token>', 'refuse when anything has moved since this plan was made'),
    async () => (await import('./commands/changes.ts')).apply,
  );
  const remove = verbs.add('change', 'delete', 'Remove manifests from the source; the services drain and stop.', [
    'fairlead delete service files --wait',
  ]);
  verbs.bind(
    withWriting(
      withWait(verbs.add('change', 'service', 'Remove the manifests of services.', [], remove).argument('<services...>', 'their names')),
    ),
    async () => (await import('./commands/changes.ts')).remove,
  );
  verbs.bind(
    withWriting(
      withWait(
        verbs
          .add('change', 'lock', 'Approve what services offer now: write their contracts to the fairlead.lock of their source.', [
            'fairlead lock weather',
            'fairlead lock --propose -m "The tools as of today"',
            'fairlead lock --check',
          ])
          .argument('[services...]', 'their names (all of the source)'),
      ),
    )
      .option('--source <name>', 'the source, where there is more than one')
      .option('--target', 'what the declared revision offers, or was taken back for, rather than what stable offers')
      .option('--check', 'write nothing; exit 1 when the lock is not what runs')
      .option('--dry-run', 'only say what would be locked')
      .option('--plan <token>', 'refuse when it is not what was looked at then')
      .addOption(output('json')),
    async () => (await import('./commands/lock.ts')).lock,
  );
}

function addOperate(verbs: Verbs): void {
  verbs.bind(
    verbs
      .add('operate', 'reconcile', 'Read sources again now, and look at every service.', ['fairlead reconcile'])
      .argument('[source]', 'one source only'),
    async () => (await import('./commands/operate.ts')).reconcile,
  );
  for (const [name, description] of [
    ['suspend', 'Hold back changes of a service (or a whole source); what runs goes on.'],
    ['resume', 'Let changes through again.'],
  ] as const)
    verbs.bind(
      verbs
        .add('operate', name, description, [`fairlead ${name} files`])
        .argument('<service>', 'the service, or with --source the source')
        .option('--source', 'the name is that of a source'),
      async () => (await import('./commands/operate.ts'))[name],
    );
}

function addRollout(verbs: Verbs): void {
  const rollout = verbs.add('operate', 'rollout', 'See and steer a service’s way from one revision to another.', [
    'fairlead rollout status files --timeout 2m',
    'fairlead rollout promote files',
    'fairlead rollout history files --number 3',
    'fairlead rollout undo files --wait',
  ]);
  const named = (name: string, description: string): Command =>
    verbs.add('operate', name, description, [], rollout).argument('<service>', 'the service');
  verbs.bind(
    named('status', 'Follow it to its end. Exit 0 when it was promoted, 1 when it failed or was superseded, 5 when time ran out.')
      .option('-w, --watch [when]', 'follow it, as it does anyway; false: only say how it stands', truth, true)
      .option('--no-watch', 'the same as --watch=false')
      .option('--timeout <duration>', 'how long to follow at most', duration)
      .addOption(output('json')),
    async () => (await import('./commands/rollout.ts')).status,
  );
  verbs.bind(
    named('history', 'List rollouts and how they ended, newest first; or one whole, with what it was judged by.')
      .option('--number <number>', 'only this one', positive)
      .addOption(output('wide', 'json')),
    async () => (await import('./commands/rollout.ts')).history,
  );
  verbs.bind(
    withWriting(
      withWait(
        named('undo', 'Write the manifest of an older revision to the source.').option(
          '--to-revision <revision>',
          'a promoted revision (unless told otherwise the newest that the manifest does not declare)',
        ),
      ),
    ),
    async () => (await import('./commands/changes.ts')).undo,
  );
  verbs.bind(
    named('pause', 'Leave everything as it stands: no more calls to the target; if its instances start again, none until `resume`.'),
    async () => (await steer()).pause,
  );
  verbs.bind(named('resume', 'Let a paused rollout, or one that waits for a person, go on.'), async () => (await steer()).resume);
  verbs.bind(
    named('promote', 'Go past what it waits for now: a pause, an analysis, a preview.').option(
      '--full',
      'past all its steps; the target must be ready all the same',
    ),
    async () => (await steer()).promote,
  );
  verbs.bind(named('abort', 'Take the rollout under way back to stable.'), async () => (await steer()).abort);
  verbs.bind(named('retry', 'Try a rejected revision again, or a failing service at once.'), async () => (await steer()).retry);
}

const steer = async () => import('./commands/steer.ts');

function addCare(verbs: Verbs): void {
  verbs.bind(
    verbs
      .add('care', 'backup', 'Write a consistent copy of the database, while it runs.', ['fairlead backup fairlead.backup'])
      .argument('<file>', 'where to'),
    async () => (await import('./commands/operate.ts')).backup,
  );
  verbs.bind(
    verbs
      .add('care', 'restore', 'Put a backup in the place of the database; nothing may be running on it.', [
        'fairlead restore fairlead.backup --data-dir .fairlead',
      ])
      .argument('<file>', 'a file that `backup` wrote'),
    async () => (await import('./commands/operate.ts')).restore,
  );
  verbs.bind(
    verbs
      .add('care', 'doctor', 'Look for what is usually wrong, and say what to do about it.', ['fairlead doctor'])
      .addOption(output('json')),
    async () => (await import('./commands/operate.ts')).doctor,
  );
  verbs.bind(
    verbs
      .add('care', 'completion', 'Print a script that completes command lines in your shell.', [
        'fairlead completion bash > ~/.local/share/bash-completion/completions/fairlead',
      ])
      .addArgument(new Argument('<shell>', 'your shell').choices(['bash', 'zsh', 'fish', 'powershell'])),
    async () => (await import('./commands/completion.ts')).completion,
  );
  // What that script calls: `fairlead complete -- get serv`.
  verbs.bind(verbs.program.command('complete', { hidden: true }).argument('[words...]'), async () => {
    const { complete } = await import('./commands/completion.ts');
    return async (context: Context, words: string[]) => complete(context, verbs.program, words);
  });
  verbs.bind(
    verbs
      .add('care', 'version', 'Say which Fairlead this is, and which one the controller runs.', ['fairlead version'])
      .addOption(output('json')),
    async () => (await import('./commands/version.ts')).version,
  );
}
