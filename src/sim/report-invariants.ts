/**
 * What must be so of what is done about a Host that differs from its Plan. By the policy `correct` it is put right, in its time. By
 * `report` what no Plan names is left alone, and a Route with other weights too: no Plan is said again for it, and nothing else moves.
 * Whatever the policy, a Service keeps running, and nothing is left alone where there is no room for it.
 */
import type { ServiceRecord } from '../model/record.ts';
import { followMs, strangersIn } from './drift-invariants.ts';
import { conditionOf, goalOf, sameJson, type Invariant, type Judged } from './terms.ts';

/** A Plan is said again this often at most, and so often while there is something to be put right. */
const repeatMs = 30_000;

/** Whether something may run beside what a Record names: it should run, and nothing of it lives alone, nor is leaving and lived alone. */
function hasRoom(record: ServiceRecord, { stable, target, leaving } = record): boolean {
  return goalOf(record) === 'running' && [stable, target, ...leaving].every((revision) => revision?.run.exclusive !== true);
}

/** Whether there was room when the Host was judged: by what is declared now, and before the Rollout was moved on. */
function hadRoom({ before, after }: Judged): boolean {
  return hasRoom(after, before ?? after);
}

/** What is to be put right, as this pass sees it: strangers, and a Route. A Route that leads nobody anywhere is no matter of policy. */
function toBeCorrected(judged: Judged): { readonly instances: boolean; readonly routes: boolean } {
  const { before, observation, desired } = judged;
  if (before === null || observation?.planGeneration !== before.planGeneration) return { instances: false, routes: false };
  const corrects = desired.driftPolicy === 'correct';
  const should = before.route?.weights ?? null;
  const late = observation.routeGeneration < before.planGeneration;
  const isUnpublished = should !== null && observation.routed === null;
  return {
    instances: !late && strangersIn(before, observation).length > 0 && (corrects || !hadRoom(judged)),
    routes: (late || !sameJson(observation.routed, should)) && (corrects || isUnpublished),
  };
}

function isShown({ drifts }: ServiceRecord, kind: string): boolean {
  return drifts.some((drift) => drift.kind === kind && drift.shown);
}

const sparedByPolicyAlone: Invariant = ({ after, desired }) => {
  if (after.spared.length === 0 || (desired.driftPolicy === 'report' && hasRoom(after))) return null;
  return `${after.spared.join()} is left alone, by policy ${desired.driftPolicy}`;
};

/** Just what is seen, once it has been just that for long enough. */
const whatLastsIsSpared: Invariant = (judged) => {
  const { after, before, observation, desired, world } = judged;
  if (world.clockJumped || desired.driftPolicy === 'correct' || !hasRoom(after) || !hadRoom(judged)) return null;
  const sameForMs = world.driftWatch.sameForMs('instances', judged);
  if (sameForMs === null || sameForMs < followMs) return null;
  const strangers = strangersIn(before!, observation!);
  return sameJson(after.spared, strangers)
    ? null
    : `${strangers.join()} is there for ${sameForMs} ms, and ${after.spared.join()} is spared`;
};

/** What is left alone stays so for as long as it is seen and the policy lets it. */
const sparedIsLeftAlone: Invariant = (judged) => {
  const { before, after, observation, desired } = judged;
  if (before === null || observation === null || desired.driftPolicy === 'correct' || !hasRoom(after) || !hadRoom(judged)) return null;
  const living = strangersIn(before, observation);
  const given = before.spared.filter((id) => living.includes(id) && !after.spared.includes(id));
  return given.length === 0 ? null : `${given.join()} is there, and is left alone no more`;
};

/** Nothing is left alone that is not said to be there, nor before it has lasted. */
const sparedIsSaid: Invariant = ({ before, after, now, world }) => {
  const { spared, instances, drifts } = after;
  if (spared.length === 0) return null;
  if (!isShown(after, 'instances') || conditionOf(after, 'Drifted') !== 'True')
    return `${spared.join()} is left alone, and not said to be there`;
  const own = spared.filter((id) => instances.some((instance) => instance.id === id));
  if (own.length > 0) return `${own.join()} is of the plan, and left alone`;
  const fresh = spared.filter((id) => before?.spared.includes(id) !== true);
  const { diff, sameSince } = drifts.find(({ kind }) => kind === 'instances')!;
  const unsaid = fresh.filter((id) => !diff.includes(`+${id} `));
  if (unsaid.length > 0) return `${unsaid.join()} is left alone, and not said to be there`;
  const tooSoon = fresh.length > 0 && !world.clockJumped && now - sameSince < followMs;
  return tooSoon ? `${fresh.join()} is left alone too soon` : null;
};

/** What is only reported has no Plan said again for it: nobody fights over it. */
const reportedIsNotFought: Invariant = (judged) => {
  const { before, after } = judged;
  if (before === null || after.planRepeatedAt === null || after.planRepeatedAt === before.planRepeatedAt) return null;
  const { instances, routes } = toBeCorrected(judged);
  if ((instances && isShown(after, 'instances')) || (routes && isShown(after, 'routes'))) return null;
  return `a plan is said again for what is only to be reported`;
};

/** What is to be put right, and said, has had its Plan said again lately, and will again. */
const shownIsCorrected: Invariant = (judged) => {
  const { after, desired, now, decision, world } = judged;
  if (world.clockJumped) return null;
  const due = toBeCorrected(judged);
  const sameForMs = world.driftWatch.sameForMs('instances', judged) ?? 0;
  // An abort has made room before the Host is judged.
  const isDue = due.instances && (desired.driftPolicy === 'correct' || !hasRoom(after));
  const strangers = isDue && isShown(after, 'instances') && sameForMs >= followMs;
  if (!strangers && !(due.routes && isShown(after, 'routes'))) return null;
  const at = after.planRepeatedAt;
  if (at === null || now - at >= repeatMs) return 'what is to be put right is only said';
  return decision.wakeAt === null || decision.wakeAt > at + repeatMs ? 'nobody wakes to say the plan again' : null;
};

/** What the Plan names, and lives, goes for a reason that is told; that others are amiss is none. */
const ownIsNeverLost: Invariant = ({ before, after, decision, observation }) => {
  if (before === null || observation === null || observation.hostId !== before.hostId) return null;
  for (const { id, duty } of before.instances) {
    if (duty !== 'serve' || after.instances.some((instance) => instance.id === id)) continue;
    const phase = observation.instances.find((seen) => seen.id === id)?.phase;
    const isTold = decision.events.some(({ message }) => message.startsWith(`${id} `) || message.startsWith(`${id}:`));
    if ((phase === 'starting' || phase === 'connected') && !isTold) return `${id} lives, is of the plan, and is given up`;
  }
  return null;
};

export const reportAlways = { whatLastsIsSpared, shownIsCorrected };
export const reportInvariants = { sparedByPolicyAlone, sparedIsLeftAlone, sparedIsSaid, reportedIsNotFought, ownIsNeverLost };
