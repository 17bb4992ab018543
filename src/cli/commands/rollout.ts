/** `rollout status|history|abort|retry`: a service's way from one Revision to another. (`undo` is a change of the source.) */
import { FairleadError } from '../../base/error.ts';
import type { ResourceList, RolloutResource } from '../../model/resource.ts';
import type { Context } from '../context.ts';
import { follow, readService, restOf } from '../follow.ts';
import { columnsOf } from '../view/resource-table.ts';
import { rolloutText } from '../view/rollout-picture.ts';
import { table } from '../view/table.ts';

interface StatusOptions {
  readonly watch: boolean;
  /** In ms. */
  readonly timeout?: number;
}

/** Follows to the end. Exit code 0 when it was promoted (or nothing is under way and all is well), 1 when it failed or was superseded. */
export async function status(context: Context, name: string, options: StatusOptions): Promise<number> {
  const { terminal } = context;
  const first = await readService(context, name);
  if (first === null) throw new FairleadError('NotFound', `There is no service ${name}.`, { data: { next: 'fairlead get services' } });
  const followed = first.status.rollout?.number ?? null;
  let shown = '';
  let height = 0;
  const show = (text: string): void => {
    const stable = text.replaceAll(/\d[\dhms.]*$/gm, '');
    if (terminal.interactive) {
      // Redrawn in place: up over what was drawn, clearing to the end of the screen.
      terminal.out(`${height > 0 ? `\u001b[${height}A\u001b[0J` : ''}${text}`);
      height = text.split('\n').length - 1;
    } else if (stable !== shown) {
      terminal.out(text);
    }
    shown = stable;
  };
  return follow(context, name, options.timeout ?? null, (seen) => {
    if (seen === null) throw new FairleadError('NotFound', `The service ${name} has gone.`);
    show(rolloutText(seen, terminal.now(), terminal.paint, terminal.interactive) || `${name}: ${seen.status.state}, no rollout yet\n`);
    if (!options.watch) return restCode(seen.status.history[0]?.phase, restOf(seen));
    const ended = followed === null ? undefined : seen.status.history.find(({ number }) => number === followed);
    if (ended !== undefined) return ended.phase === 'Promoted' ? 0 : 1;
    const rest = restOf(seen);
    return rest === null ? null : rest === 'good' ? 0 : 1;
  });
}

function restCode(last: string | undefined, rest: 'good' | 'failed' | null): number {
  return rest === 'failed' || (rest === null && last === 'RolledBack') ? 1 : 0;
}

export async function history(context: Context, name: string, options: { output?: 'wide' | 'json' }): Promise<number> {
  const { terminal } = context;
  const list = await context.api().get<ResourceList<RolloutResource>>(`/api/v1/services/${encodeURIComponent(name)}/rollout`);
  if (options.output === 'json') terminal.out(`${JSON.stringify(list, null, 2)}\n`);
  else if (list.items.length === 0) terminal.err(`${name} has had no rollout yet.\n`);
  else terminal.out(table(columnsOf('Rollout', terminal.now(), options.output === 'wide'), list.items, terminal.paint));
  return 0;
}

export async function abort(context: Context, name: string): Promise<number> {
  await (await context.admin()).command(name, 'abort');
  context.terminal.out(`rollout of ${name}: abort asked for; stable keeps serving\n`);
  return 0;
}

export async function retry(context: Context, name: string): Promise<number> {
  await (await context.admin()).command(name, 'retry');
  context.terminal.out(`${name}: the rejected revision is tried again\n`);
  return 0;
}
