/** Shell completion: the script for a shell, and the answers that the script asks for while somebody types. */
import tab, { RootCommand, type Complete } from '@bomb.sh/tab';
import type { Argument, Command, Option } from 'commander';
import type { ResourceList } from '../../model/resource.ts';
import type { Context } from '../context.ts';

export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell';

/** How long a person who pressed Tab waits for the names of services. */
const patienceMs = 400;

export async function completion(_context: Context, shell: Shell): Promise<number> {
  tab.setup('fairlead', 'fairlead', shell);
  return 0;
}

/** Prints the candidates for the last of `words`, with what each means. */
export async function complete(context: Context, program: Command, words: readonly string[]): Promise<number> {
  const names = needsNames(words) ? await serviceNames(context) : [];
  const root = new RootCommand();
  describe(root, program, '', names);
  root.parse([...words]);
  return 0;
}

/** Names are asked for only where one could stand: after a verb. */
function needsNames(words: readonly string[]): boolean {
  return words.filter((word) => !word.startsWith('-')).length > 1;
}

async function serviceNames(context: Context): Promise<string[]> {
  const late = new Promise<string[]>((resolve) => setTimeout(() => resolve([]), patienceMs).unref());
  const asked = context
    .api()
    .get<ResourceList>('/api/v1/services?limit=1000')
    .then(({ items }) => items.map(({ metadata }) => metadata.name))
    .catch(() => []);
  return Promise.race([asked, late]);
}

function describe(root: RootCommand, command: Command, path: string, names: readonly string[]): void {
  const described = path === '' ? root : root.command(path, command.description());
  for (const option of command.createHelp().visibleOptions(command)) {
    const name = option.long?.slice(2);
    if (name === undefined) continue;
    const values = valuesOf(option);
    const alias = option.short?.slice(1);
    if (values === null) described.option(name, option.description, alias);
    else described.option(name, option.description, values, alias);
  }
  for (const argument of command.registeredArguments) described.argument(argument.name(), candidates(argument, names), argument.variadic);
  for (const child of command.createHelp().visibleCommands(command))
    if (child.name() !== 'help') describe(root, child, `${path} ${child.name()}`.trim(), names);
}

/** null: a flag without a value. */
function valuesOf(option: Option): ((complete: Complete) => void) | null {
  if (!option.required && !option.optional) return null;
  return (complete) => option.argChoices?.forEach((choice) => complete(choice, ''));
}

function candidates(argument: Argument, names: readonly string[]): ((complete: Complete) => void) | undefined {
  if (argument.argChoices !== undefined) return (complete) => argument.argChoices!.forEach((choice) => complete(choice, ''));
  if (['service', 'services', 'name'].includes(argument.name())) return (complete) => names.forEach((name) => complete(name, 'service'));
  return undefined;
}
