/** `rollout status|history`: how a service goes, and went, from one Revision to another. */
import { FairleadError } from '../../base/error.ts';
import type { ResourceList, RolloutResource, RolloutStatus, ServiceResource } from '../../model/resource.ts';
import type { Context } from '../context.ts';
import { usage } from '../errors.ts';
import { follow, restOf, serviceNamed } from '../follow.ts';
import { screenOf, type Terminal } from '../terminal.ts';
import { historyColumns } from '../view/resource-table.ts';
import { rolloutChanges } from '../view/rollout-lines.ts';
import { rolloutPicture, standsLine } from '../view/rollout-picture.ts';
import { rolloutResource } from '../view/rollout-resource.ts';
import { standsText } from '../view/rollout-words.ts';
import { table } from '../view/table.ts';

interface StatusOptions {
  readonly watch: boolean;
  /** In ms. */
  readonly timeout?: number;
  readonly output?: 'json';
}

/**
 * Follows to the end. Exit code 0 when it was promoted (or nothing is under way and all is well), 1 when it failed, was
 * aborted or superseded. Throws TimedOut.
 */
export async function status(context: Context, name: string, options: StatusOptions): Promise<number> {
  const followed = (await serviceNamed(context, name)).status.rollout?.number;
  const show = options.output === 'json' ? asJson(context.terminal, options) : asText(context.terminal, options);
  return follow(context, name, options.timeout ?? null, (seen) => {
    if (seen === null) throw new FairleadError('NotFound', `The service ${name} has gone.`);
    const { rollout, history: before } = seen.status;
    const ended = before.find(({ number }) => number === followed);
    const rest = restOf(seen);
    show(seen, ended ?? rollout ?? before[0] ?? null, ended === undefined && (rest !== null || !options.watch));
    if (!options.watch) return restCode(before[0]?.phase, rest);
    if (ended !== undefined) return ended.phase === 'Promoted' ? 0 : 1;
    return rest === null ? null : rest === 'good' ? 0 : 1;
  });
}

function restCode(last: string | undefined, rest: 'good' | 'failed' | null): number {
  return rest === 'failed' || (rest === null && last === 'RolledBack') ? 1 : 0;
}

/** Takes each look at the service, of its Rollouts the one to show, and whether to say how the service stands after it. */
type Show = (seen: ServiceResource, rollout: RolloutStatus | null, after: boolean) => void;

/** On a terminal one picture, redrawn in place; in a pipe a line a change, or all that there is when nobody watches. */
function asText(terminal: Terminal, { watch }: StatusOptions): Show {
  const redraw = redrawn(terminal);
  let before: RolloutStatus | null = null;
  let stateBefore = '';
  return (seen, rollout, after) => {
    const { name } = seen.metadata;
    const { state } = seen.status;
    const now = terminal.now();
    const none = `${name}  ${state}, no rollout yet\n`;
    const screen = screenOf(terminal);
    const whole = (): string =>
      rollout === null ? none : rolloutPicture(seen, rollout, now, screen) + (after ? standsLine(seen, screen) : '');
    if (!watch) terminal.out(whole());
    else if (terminal.interactive) redraw(whole());
    else if (rollout !== null) {
      for (const line of rolloutChanges(name, before, rollout, now)) terminal.out(`${line}\n`);
      const stands = after ? standsText(seen) : null;
      if (stands !== null) terminal.out(`${name}  now: ${stands}\n`);
    } else if (state !== stateBefore) terminal.out(none);
    before = rollout;
    stateBefore = state;
  };
}

/** The Rollout as the status API says it: once, or on a line each time that something of it has changed. */
function asJson(terminal: Terminal, { watch }: StatusOptions): Show {
  let before: RolloutStatus | null = null;
  return (seen, rollout) => {
    const told = rollout === null ? null : rolloutResource(seen, rollout);
    if (!watch) terminal.out(`${JSON.stringify(told, null, 2)}\n`);
    else if (rollout !== null && rolloutChanges(seen.metadata.name, before, rollout, terminal.now()).length > 0)
      terminal.out(`${JSON.stringify(told)}\n`);
    before = rollout;
  };
}

/** Draws over what it drew before: up to its first line, clearing to the end of the screen. Never higher than the terminal. */
function redrawn(terminal: Terminal): (text: string) => void {
  let shown = '';
  let height = 0;
  return (text) => {
    const lines = text
      .trimEnd()
      .split('\n')
      .slice(0, Math.max(1, terminal.rows - 1));
    const drawn = `${lines.join('\n')}\n`;
    if (drawn === shown) return;
    terminal.out(`${height > 0 ? `\u001b[${height}A\u001b[0J` : ''}${drawn}`);
    shown = drawn;
    height = lines.length;
  };
}

interface HistoryOptions {
  readonly output?: 'wide' | 'json';
  readonly number?: number;
}

/** All of them in a table, or one whole. Throws NotFound for a number that is not remembered. */
export async function history(context: Context, name: string, options: HistoryOptions): Promise<number> {
  const { terminal } = context;
  const { number, output } = options;
  const list = await context.api().get<ResourceList<RolloutResource>>(`/api/v1/services/${encodeURIComponent(name)}/rollout`);
  if (number !== undefined) return one(context, name, list.items, number, output);
  if (output === 'json') terminal.out(`${JSON.stringify(list, null, 2)}\n`);
  else if (list.items.length === 0) terminal.err(`${name} has had no rollout yet.\n`);
  else {
    const columns = historyColumns(terminal.now()).filter(({ wide }) => output === 'wide' || wide !== true);
    terminal.out(table(columns, list.items, output === 'wide' ? { ...screenOf(terminal), columns: null } : screenOf(terminal)));
  }
  return 0;
}

async function one(
  context: Context,
  name: string,
  items: readonly RolloutResource[],
  number: number,
  output: HistoryOptions['output'],
): Promise<number> {
  const { terminal } = context;
  if (output === 'wide') throw usage('-o wide is for the table.', 'leave --number or -o wide out');
  const found = items.find(({ status }) => status.number === number);
  if (found === undefined)
    throw new FairleadError('NotFound', `${name} has no rollout ${number} that is remembered.`, {
      data: { next: `fairlead rollout history ${name} lists them` },
    });
  if (output === 'json') terminal.out(`${JSON.stringify(found, null, 2)}\n`);
  else terminal.out(rolloutPicture(await serviceNamed(context, name), found.status, terminal.now(), screenOf(terminal)));
  return 0;
}
