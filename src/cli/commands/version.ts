/** `version`: this command line's version, and the controller's when one answers. */
import packageJson from '../../../package.json' with { type: 'json' };
import type { About } from '../../ports/read-model.ts';
import type { Context } from '../context.ts';

export async function version(context: Context, options: { output?: 'json' }): Promise<number> {
  const controller = await context
    .api()
    .get<About>('/api/v1/about')
    .then((about) => about.version)
    .catch(() => null);
  const facts = { client: packageJson.version, controller, node: process.version };
  context.terminal.out(
    options.output === 'json'
      ? `${JSON.stringify(facts)}\n`
      : `fairlead ${facts.client} (Node.js ${facts.node})\ncontroller ${controller ?? `none at ${context.api().server}`}\n`,
  );
  return 0;
}
