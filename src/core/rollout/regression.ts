/**
 * After a promotion: stable that turns out unhealthy, or whose group was taken back, is remembered as rejected, and the
 * Revision promoted before it takes over again. Only where the manifest says so, only for a while, and only once: what
 * is rejected itself is nothing to fall back to.
 */
import { formatDuration } from '../../base/duration.ts';
import { groupRejected } from '../group.ts';
import { isDown, serving } from '../instances.ts';
import { fallbackOf, observed, rejectionOf, say, serviceOf, wake, type Pass } from '../pass.ts';
import { remember } from './verdict.ts';

/** Failures in a row from which on an Instance's end is no chance. */
const failuresThatCount = 2;

export function judgeStable(pass: Pass): void {
  const { record } = pass;
  const { stable } = record;
  if (stable === null || record.promoted[0]?.revision.hash !== stable.hash || rejectionOf(pass, stable.hash) !== undefined) return;
  if (record.desired!.revision.hash !== stable.hash || fallbackOf(pass) === null) return;
  const found = unhealthy(pass) ?? leftByGroup(pass);
  if (found === null) return;
  const [reason, message] = found;
  remember(pass, stable, reason, message, record.stableService?.origin.snapshot ?? record.observedSnapshot);
  say(pass, 'Warning', reason, `${stable.name}: ${message}`, { revision: stable.name });
}

/** What was taken back for another member's sake is tried again as soon as that one is no longer rejected. */
export function liftGroupRejection(pass: Pass): void {
  const { record, given } = pass;
  const { hash, name } = record.desired!.revision;
  if (rejectionOf(pass, hash)?.reason !== groupRejected || given.group.some(({ stands }) => stands === 'rejected')) return;
  record.rejections = record.rejections.filter(({ revision }) => revision !== hash);
  say(pass, 'Normal', 'RejectionLifted', `${name} is tried again: nothing of its group is rejected any more.`, { revision: name });
}

type Finding = readonly [reason: string, message: string] | null;

function unhealthy(pass: Pass): Finding {
  const { record, now } = pass;
  const withinMs = record.desired!.migration.rollback.ifUnhealthyWithinMs;
  const endsAt = record.promoted[0]!.at + withinMs;
  if (withinMs === 0 || now >= endsAt) return null;
  wake(pass, endsAt);
  const { hash } = record.stable!;
  const promotedAt = record.promoted[0]!.at;
  // A failure that is still to come was seen before the clock was set back.
  const restart = record.restarts.find(
    ({ revision, failuresInARow, last: { at } }) =>
      revision === hash && failuresInARow >= failuresThatCount && at > promotedAt && at <= now,
  );
  const { health } = serviceOf(record, hash);
  const checks = serving(pass, hash).flatMap(({ id }) => observed(pass, id)?.checks ?? []);
  const down = checks.find((result) => isDown(result, health));
  const what = restart === undefined ? down && `check ${down.name}: ${down.message}` : `${restart.last.code}: ${restart.last.message}`;
  return what === undefined ? null : ['UnhealthyAfterPromotion', `unhealthy within ${formatDuration(withinMs)} of its promotion: ${what}`];
}

function leftByGroup({ record, given }: Pass): Finding {
  const { together } = record.promoted[0]!;
  const rejected = given.group.find(({ service, stands, snapshot }) => stands === 'rejected' && together?.[service] === snapshot);
  return rejected === undefined ? null : [groupRejected, `${rejected.service}, which was released together with it, was taken back`];
}
