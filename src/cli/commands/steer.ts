/**
 * `rollout pause|resume|promote|abort|retry`: each a Command over the admin socket, which refuses what makes no sense now.
 * Then it is said what happens next.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FairleadError } from '../../base/error.ts';
import type { CommandKind } from '../../model/command.ts';
import type { EventResource } from '../../model/resource.ts';
import type { Context } from '../context.ts';
import { readEvents, serviceNamed } from '../follow.ts';
import { screenOf } from '../terminal.ts';
import { fit } from '../view/screen.ts';
import { nextText } from '../view/next-text.ts';

const lookAgainMs = 50;
const mostLooks = 30;

export async function pause(context: Context, name: string): Promise<number> {
  return steer(context, name, 'pause-rollout');
}

export async function resume(context: Context, name: string): Promise<number> {
  return steer(context, name, 'resume-rollout');
}

export async function promote(context: Context, name: string, { full }: { full?: true }): Promise<number> {
  return steer(context, name, full ? 'promote-full' : 'promote');
}

export async function abort(context: Context, name: string): Promise<number> {
  return steer(context, name, 'abort');
}

export async function retry(context: Context, name: string): Promise<number> {
  return steer(context, name, 'retry');
}

/** Waits until the Command has been taken; what comes of it is told by how things stood before. Throws Refused when it came to nothing. */
async function steer(context: Context, name: string, kind: CommandKind): Promise<number> {
  const { terminal } = context;
  const admin = await context.admin();
  const before = await serviceNamed(context, name);
  const last = (await readEvents(context, name, 1)).at(-1)?.spec.seq ?? 0;
  await admin.command(name, kind);
  const ignored = (await answers(context, name, last)).find(({ spec }) => spec.reason === 'CommandIgnored');
  if (ignored !== undefined)
    throw new FairleadError('Refused', `${name}: ${ignored.spec.message}`, { data: { next: `fairlead rollout status ${name}` } });
  terminal.out(fit(nextText(before, kind, terminal.now()), screenOf(terminal).columns));
  return 0;
}

/** What the heart said to it: Events of people since `last`; none when it takes longer than a pass does. */
async function answers(context: Context, name: string, last: number): Promise<readonly EventResource[]> {
  for (let looks = 0; looks < mostLooks; looks++) {
    const since = (await readEvents(context, name, 100, last)).filter(({ spec }) => spec.actor.startsWith('uid:'));
    if (since.length > 0) return since;
    await sleep(lookAgainMs);
  }
  return [];
}
