/**
 * Restart back-off: 1 s doubling to 5 min with jitter, back to 1 s after 10 min healthy. Kept in the Record, so a
 * controller restart neither shortens nor forgets it.
 */
import { hashFraction } from '../base/hash.ts';
import type { InstanceRecord, Restart } from '../model/record.ts';
import type { Failure } from '../model/rollout.ts';
import type { Pass } from './pass.ts';

const firstMs = 1_000;
const longestMs = 300_000;
const healthyMs = 600_000;

/** Milliseconds to wait after the n-th failure in a row (n ≥ 1): 80 to 100 % of 1 s · 2^(n-1), at most 5 min. */
export function backOffMs(key: string, failuresInARow: number): number {
  const fullMs = Math.min(longestMs, firstMs * 2 ** Math.min(failuresInARow - 1, 20));
  return Math.round(fullMs * (0.8 + 0.2 * hashFraction(`${key}/${failuresInARow}`)));
}

export function restartOf({ record }: Pass, revision: string, ordinal: number): Restart | undefined {
  return record.restarts.find((restart) => restart.revision === revision && restart.ordinal === ordinal);
}

/** Whether an ordinal may not be started yet. A wait longer than any back-off means that the clock was set back since: it is over. */
export function mustWait({ notBefore }: Restart, now: number): boolean {
  return notBefore > now && notBefore - now <= longestMs;
}

/** Remembers that an Instance failed, and from when its ordinal may be started again. */
export function recordFailure(pass: Pass, instance: InstanceRecord, last: Failure): Restart {
  const { record, now } = pass;
  const earlier = restartOf(pass, instance.revision, instance.ordinal);
  const wasHealthy = instance.provenAt !== null && now - instance.provenAt >= healthyMs;
  const failuresInARow = earlier === undefined || wasHealthy ? 1 : earlier.failuresInARow + 1;
  const key = `${record.service}/${instance.revision}/${instance.ordinal}`;
  const restart = {
    revision: instance.revision,
    ordinal: instance.ordinal,
    failuresInARow,
    notBefore: now + backOffMs(key, failuresInARow),
    last,
  };
  record.restarts = [...record.restarts.filter((other) => other !== earlier), restart];
  return restart;
}

/** Forgets back-offs of Revisions that nothing runs or wants any more. */
export function forgetRestarts({ record }: Pass): void {
  const running = [record.stable, record.target, record.kept?.revision];
  const kept = record.restarts.filter(({ revision }) => running.some((known) => known?.hash === revision));
  if (kept.length !== record.restarts.length) record.restarts = kept;
}
