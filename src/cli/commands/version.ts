/** `version`: this command line's version, and the controller's when one answers. */
import { version as client } from '../../base/version.ts';
import { messageOf } from '../../base/error.ts';
import type { About } from '../../ports/read-model.ts';
import type { Context } from '../context.ts';

export async function version(context: Context, options: { output?: 'json' }): Promise<number> {
  let controller: string | null = null;
  let otherwise = '';
  try {
    controller = (await context.api().get<About>('/api/v1/about')).version;
  } catch (thrown) {
    otherwise = `none: ${messageOf(thrown)}`;
  }
  const facts = { client, controller, node: process.version };
  context.terminal.out(
    options.output === 'json'
      ? `${JSON.stringify(facts)}\n`
      : `fairlead ${facts.client} (Node.js ${facts.node})\ncontroller ${controller ?? otherwise}\n`,
  );
  return 0;
}
