/** Waiting for a service to come to rest, over restarts of the controller. Polls, because a stream ends with its server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FairleadError } from '../base/error.ts';
import type { EventResource, ResourceList, ServiceResource } from '../model/resource.ts';
import type { Context } from './context.ts';

/** Between two looks. Of many at once each is looked at less often: a hundred looks a second are enough for one controller. */
const pollMs = 150;
const pollPerServiceMs = 10;
/** A controller that is being restarted is back sooner than this. */
const longestAbsenceMs = 15_000;

/** null: the service is gone. */
export type Seen = ServiceResource | null;

/**
 * Looks at a service until `judge` returns something else than null. Throws TimedOut after `timeoutMs` (null: never), and
 * Unreachable when no controller answers for a while. `beside`: how many are followed at once.
 */
export async function follow<Verdict>(
  context: Context,
  name: string,
  timeoutMs: number | null,
  judge: (seen: Seen) => Verdict | null | Promise<Verdict | null>,
  beside = 1,
): Promise<Verdict> {
  const { terminal } = context;
  const startedAt = terminal.now();
  let lastSeenAt = startedAt;
  for (;;) {
    try {
      const verdict = await judge(await readService(context, name));
      if (verdict !== null) return verdict;
      lastSeenAt = terminal.now();
    } catch (thrown) {
      const away = thrown instanceof FairleadError && thrown.code === 'Unreachable';
      if (!away || terminal.now() - lastSeenAt > longestAbsenceMs) throw thrown;
    }
    if (timeoutMs !== null && terminal.now() - startedAt >= timeoutMs)
      throw new FairleadError('TimedOut', `${name} has not come to rest within ${timeoutMs / 1_000} s.`, {
        data: { next: `it goes on; look again with: fairlead rollout status ${name}` },
      });
    await sleep(Math.max(pollMs, beside * pollPerServiceMs), undefined, { signal: terminal.signal });
  }
}

export async function readService(context: Context, name: string): Promise<Seen> {
  try {
    return await context.api().get<ServiceResource>(`/api/v1/services/${encodeURIComponent(name)}`);
  } catch (thrown) {
    if (thrown instanceof FairleadError && thrown.code === 'NotFound') return null;
    throw thrown;
  }
}

/** The same where it has to be there: throws NotFound. */
export async function serviceNamed(context: Context, name: string): Promise<ServiceResource> {
  const seen = await readService(context, name);
  if (seen === null) throw new FairleadError('NotFound', `There is no service ${name}.`, { data: { next: 'fairlead get services' } });
  return seen;
}

/** The latest events of a service, oldest first; only those with a seq larger than `after`. */
export async function readEvents(context: Context, name: string, limit: number, after = 0): Promise<readonly EventResource[]> {
  const path = `/api/v1/services/${encodeURIComponent(name)}/events?limit=${limit}&after=${after}`;
  return (await context.api().get<ResourceList<EventResource>>(path)).items;
}

export type Rest = 'good' | 'failed';

/** A first deployment goes on trying for ever; after so many failures in a row nobody should wait for it any more. */
const failuresThatTell = 2;

/** How a service that is at rest stands; null while something is under way. */
export function restOf({ status }: ServiceResource): Rest | null {
  const condition = (type: string) => status.conditions.find((candidate) => candidate.type === type);
  const synced = condition('Synced');
  if (status.state === 'Error' && (status.rollout?.failures ?? 0) >= failuresThatTell) return 'failed';
  if (status.rollout !== null || synced === undefined) return null;
  if (synced.status === 'True')
    return ['Active', 'Inactive', 'Draft'].includes(status.state) ? 'good' : status.state === 'Error' ? 'failed' : null;
  return condition('Stalled')?.status === 'True' || status.state === 'Error' || synced.reason === 'Suspended' ? 'failed' : null;
}
