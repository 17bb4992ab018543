/**
 * What must be so of every Decision, each a named function of what the heart was given and what it answered. The names
 * are what a violation is reported under; the numbers in brackets are those of the design's list of invariants.
 */
import type { Decision } from '../core/decide.ts';
import type { InstanceRecord, LifecycleState, ServiceRecord } from '../model/record.ts';
import {
  goalOf,
  serviceFor,
  serving,
  wantedOf,
  isOver,
  retried,
  conditionOf,
  numberOf,
  sameJson,
  changedMembers,
  type Invariant,
  type Judged,
  type Pass,
} from './terms.ts';
import { analysisAlways, analysisInvariants } from './analysis-invariants.ts';
import { canaryAlways, canaryInvariants, replicasBySteps } from './canary-invariants.ts';
import { driftAlways, driftInvariants } from './drift-invariants.ts';
import { lockAlways, lockInvariants } from './lock-invariants.ts';
import { reportAlways, reportInvariants } from './report-invariants.ts';
import { releaseAlways, releaseInvariants } from './release-invariants.ts';
import { rolloutInvariants } from './rollout-invariants.ts';
import { standInInvariants, standInsOf } from './stand-in-invariants.ts';
import { strategyInvariants } from './strategy-invariants.ts';
import type { World } from './world.ts';

export function checkDecision(world: World, pass: Pass): void {
  const { decision, before } = pass;
  if (decision.record === null) {
    if (before !== null) world.violate('record-kept', 'the heart forgot a record');
    return;
  }
  const judged: Judged = { ...pass, after: decision.record, world };
  world.watch.look(judged);
  world.driftWatch.look(judged);
  for (const [name, invariant] of always) {
    const wrong = invariant(judged);
    if (wrong !== null) world.violate(name, wrong);
  }
  if (decision.record === before && decision.events.length === 0) return;
  for (const [name, invariant] of onChange) {
    const wrong = invariant(judged);
    if (wrong !== null) world.violate(name, wrong);
  }
}
function said({ events }: Decision): string {
  return `it said ${events.map(({ reason }) => reason).join(', ')}`;
}

/** [3] */
const reconcilingTwiceChangesNothing: Invariant = ({ decide, desired, observation, now, decision, after }) => {
  if (decision.archive) return null;
  const again = decide(desired, after, observation, now);
  if (again.record !== after) return `a second pass changed ${changedMembers(after, again.record).join(', ')}; ${said(again)}`;
  if (again.events.length > 0) return said(again);
  if (again.plan?.generation !== decision.plan?.generation) return 'a second pass made another plan';
  return null;
};

/** [12] An id is derived, unique, and never used twice; the Plan says what the Record says. */
const instancesAreOnRecord: Invariant = ({ before, after, decision }) => {
  const first = before?.nextIncarnation ?? 0;
  const ids = new Set<string>();
  for (const { id, revision, ordinal, incarnation } of after.instances) {
    if (ids.has(id)) return `${id} is there twice`;
    ids.add(id);
    if (id !== `${after.service}-${revision.slice(0, 8)}-${ordinal}-${incarnation}`) return `${id} is not derived`;
    const isNew = before === null || !before.instances.some((other) => other.id === id);
    if (isNew && (incarnation < first || incarnation >= after.nextIncarnation)) return `${id} may have been used before`;
  }
  if (after.nextIncarnation < first) return 'incarnations went back';
  const { plan } = decision;
  if (plan === null) return decision.archive || after.desired === null ? null : 'no plan';
  if (plan.generation !== after.planGeneration) return 'the plan is of another generation';
  if (plan.route !== after.route) return 'the plan has another route';
  if (!sameJson(plan.spared, after.spared)) return 'the plan spares others';
  if (plan.instances.length !== after.instances.length) return 'the plan has other instances';
  for (const { id, duty, revision } of plan.instances) {
    if (!after.instances.some((instance) => instance.id === id && instance.duty === duty)) return `the plan has ${id} as ${duty}`;
    if (plan.revisions[revision] === undefined) return `the plan lacks the revision of ${id}`;
  }
  return null;
};

const planGenerationGrows: Invariant = ({ before, after }) => {
  if (before === null) return null;
  if (after.planGeneration < before.planGeneration) return 'the generation of the plan went back';
  if (after.planGeneration > before.planGeneration) return null;
  const same =
    sameJson(before.route, after.route) &&
    before.desired?.specHash === after.desired?.specHash &&
    before.spared.join() === after.spared.join() &&
    before.instances.map(({ id, duty }) => id + duty).join() === after.instances.map(({ id, duty }) => id + duty).join();
  return same ? null : 'another plan under the same generation';
};

/** [14] Snapshots of the simulated source are numbered. */
const olderSnapshotIsNotApplied: Invariant = ({ before, after, desired, world }) => {
  if (before === null) return null;
  if (numberOf(after.observedSnapshot) < numberOf(before.observedSnapshot)) return 'the observed snapshot went back';
  if (numberOf(after.appliedSnapshot) < numberOf(before.appliedSnapshot)) return 'the applied snapshot went back';
  if (after.appliedSnapshot !== before.appliedSnapshot && world.invalidSnapshots.has(after.appliedSnapshot))
    return 'a snapshot with an invalid manifest is said to be applied';
  if (after.desired === before.desired) return null;
  const grew = after.generation - before.generation;
  if (grew !== (after.desired?.specHash === before.desired?.specHash ? 0 : 1)) return `the generation grew by ${grew}`;
  return desired.declaration.kind === 'declared' && after.desired === desired.declaration.service ? null : 'desired came from nowhere';
};

/** [15] With an invalid, unreadable or unread source the Service goes on just as with its last valid manifest. */
const badSourceDisturbsNothing: Invariant = ({ decide, desired, before, after, observation, now, decision }) => {
  const { kind } = desired.declaration;
  if (kind === 'declared' || kind === 'absent' || before === null) return null;
  if (after.desired !== before.desired) return `a source that is ${kind} changed what is desired`;
  if (kind === 'unknown' && conditionOf(after, 'Valid') !== conditionOf(before, 'Valid')) return 'a source that is unknown changed Valid';
  if (after.deleting !== before.deleting) return `a source that is ${kind} changed whether it is deleted`;
  if (before.desired === null || before.deleting) return null;
  const valid = decide({ ...desired, declaration: { kind: 'declared', service: before.desired } }, before, observation, now);
  return sameJson(valid.plan?.instances, decision.plan?.instances) && sameJson(valid.plan?.route, decision.plan?.route)
    ? null
    : `a source that is ${kind} changed the plan`;
};

const suspendedHolds: Invariant = ({ before, after, desired }) => {
  if (before?.suspended !== true || before.desired === null || desired.commands.some(({ kind }) => kind === 'resume')) return null;
  if (!after.suspended) return 'it was resumed by nobody';
  return after.desired === before.desired && after.deleting === before.deleting ? null : 'a change was applied while suspended';
};

const declaredIsNotDeleted: Invariant = ({ after, desired }) =>
  desired.declaration.kind === 'declared' && after.deleting && !after.suspended ? 'declared, and still to be deleted' : null;

const commandsAreTakenOnce: Invariant = ({ before, after, desired }) => {
  const toggles = desired.commands.filter(({ id, kind }) => id > (before?.commandId ?? 0) && (kind === 'suspend' || kind === 'resume'));
  const toggled = toggles.at(-1)?.kind;
  if (toggled !== undefined && after.suspended !== (toggled === 'suspend')) return `${toggled} was not heard`;
  const last = desired.commands.at(-1)?.id ?? 0;
  const expected = Math.max(before?.commandId ?? 0, last);
  return after.commandId === expected ? null : `commands up to ${expected} were there, up to ${after.commandId} taken`;
};

/** An Instance that fails its checks before it ever passed them is not kept. */
const downInstancesEnd: Invariant = ({ after, observation }) => {
  for (const { id, duty, provenAt } of after.instances) {
    if (duty !== 'serve' || provenAt !== null) continue;
    const seen = observation?.instances.find((one) => one.id === id);
    if (seen?.phase === 'connected' && isOver(seen, after)) return `${id} is kept though it fails its checks`;
  }
  return null;
};

/** [17] */
const statusIsTrue: Invariant = ({ before, after, desired, observation }) => {
  const goal = goalOf(after);
  const synced = conditionOf(after, 'Synced') === 'True';
  const ready = conditionOf(after, 'Ready') === 'True';
  if (synced && desired.declaration.kind !== 'declared') return `Synced with a source that is ${desired.declaration.kind}`;
  if (synced && desired.declaration.kind === 'declared' && after.desired?.specHash !== desired.declaration.service.specHash)
    return 'Synced with another manifest';
  if (synced && goal === 'running' && (after.rollout !== null || after.stable?.hash !== after.desired?.revision.hash))
    return 'Synced before it is';
  if (synced && goal !== 'running' && after.instances.length > 0) return 'Synced as stopped with instances';
  if (!ready) return null;
  if (goal !== 'running' || after.stable === null) return 'Ready without a stable revision that should run';
  const taken = after.rollout?.strategy === 'rolling' && after.rollout.direct === null ? serving(after, after.rollout.target, true) : [];
  const proven = [...serving(after, after.stable.hash, true), ...taken, ...standInsOf(after)];
  const phaseOf = (id: string): string | undefined => observation?.instances.find((seen) => seen.id === id)?.phase;
  if (observation !== null && before?.hostId !== observation.hostId && proven.some(({ id }) => phaseOf(id) !== 'connected'))
    return 'Ready with instances of a host that is no more';
  if (proven.length < wantedOf(after, after.stable.hash)) return 'Ready with instances missing';
  if (proven.some(({ id }) => phaseOf(id) === 'ended')) return 'Ready with an instance that has ended';
  return null;
};

/** [19] */
const restartBudgetHolds: Invariant = ({ before, after, observation, desired, now, world }) => {
  if (before === null || retried(desired, before) || before.state === 'Inactive') return null;
  for (const earlier of before.restarts) {
    const later = after.restarts.find(({ revision, ordinal }) => revision === earlier.revision && ordinal === earlier.ordinal);
    const wanted = earlier.revision === after.stable?.hash || earlier.revision === after.target?.hash;
    if (later === undefined && wanted) return `the back-off of ordinal ${earlier.ordinal} was forgotten`;
    if (later !== undefined && later !== earlier && !sameJson(later, earlier) && later.last.at !== now)
      return 'a back-off changed without a failure';
  }
  for (const instance of after.instances) {
    if (before.instances.some(({ id }) => id === instance.id)) continue;
    const restart = before.restarts.find(({ revision, ordinal }) => revision === instance.revision && ordinal === instance.ordinal);
    if (restart !== undefined && restart.notBefore > now && !world.clockJumped)
      return `${instance.id} started ${restart.notBefore - now} ms before its time`;
  }
  for (const instance of before.instances) {
    if (instance.duty !== 'serve' || observation?.instances.find(({ id }) => id === instance.id)?.phase !== 'ended') continue;
    if (instance.revision !== after.stable?.hash && instance.revision !== after.target?.hash) continue;
    if (observation.hostId !== before.hostId) continue;
    const wrong = wrongBackOff(before, after, instance, now);
    if (wrong !== null) return wrong;
  }
  return null;
};

function wrongBackOff(before: ServiceRecord, after: ServiceRecord, instance: InstanceRecord, now: number): string | null {
  const same = ({ revision, ordinal }: { revision: string; ordinal: number }) =>
    revision === instance.revision && ordinal === instance.ordinal;
  const restart = after.restarts.find(same);
  if (restart === undefined) return `${instance.id} failed and is in no back-off`;
  const wasHealthy = instance.provenAt !== null && now - instance.provenAt >= 600_000;
  const expected = wasHealthy ? 1 : (before.restarts.find(same)?.failuresInARow ?? 0) + 1;
  if (restart.failuresInARow !== expected) return `${instance.id} failed ${expected} times in a row, counted ${restart.failuresInARow}`;
  const fullMs = Math.min(300_000, 1_000 * 2 ** (expected - 1));
  const waitMs = restart.notBefore - now;
  return waitMs >= fullMs * 0.8 - 1 && waitMs <= fullMs + 1 ? null : `after ${expected} failures it waits ${waitMs} ms`;
}

/** The table of the design; deletion and deactivation may begin anywhere. */
const table: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  Draft: ['Validating', 'Deactivating', 'Error'],
  Validating: ['Deploying', 'Deactivating', 'Error'],
  Deploying: ['Active', 'Deactivating', 'Error'],
  Active: ['Updating', 'Deactivating', 'Error'],
  Updating: ['Active', 'Deactivating', 'Error'],
  Deactivating: ['Inactive', 'Draft', 'Error'],
  Inactive: ['Validating', 'Deactivating', 'Draft', 'Error'],
  Error: ['Validating', 'Deactivating'],
};

const lifecycleFollowsTheTable: Invariant = ({ before, after, decision }) => {
  let state = before?.state ?? null;
  for (const { reason } of decision.events) {
    if (!reason.startsWith('Entered')) continue;
    const next = reason.slice('Entered'.length) as LifecycleState;
    if (state !== null && !table[state].includes(next)) return `${state} → ${next}`;
    state = next;
  }
  if (state !== null && state !== after.state) return `${state} → ${after.state} without an event`;
  if (
    before !== null &&
    before.state === after.state &&
    before.stateSince !== after.stateSince &&
    !decision.events.some(({ reason }) => reason.startsWith('Entered'))
  )
    return 'stateSince moved without a transition';
  return null;
};

/** What the state says is so. */
const stateIsTrue: Invariant = ({ after }) => {
  const goal = goalOf(after);
  switch (after.state) {
    case 'Updating':
      return after.rollout !== null && after.stable !== null ? null : 'Updating without a rollout';
    case 'Active':
      return goal === 'running' && after.stable !== null && after.rollout === null ? null : 'Active without a stable revision at rest';
    case 'Inactive':
    case 'Draft':
      return after.instances.length === 0 && goal !== 'running' ? null : `${after.state} with instances`;
    case 'Deploying':
    case 'Validating':
      return goal === 'running' ? null : `${after.state} while it should not run`;
    case 'Deactivating':
    case 'Error':
      return null;
  }
};

const conditionsAreWellFormed: Invariant = ({ before, after, decision, now }) => {
  if (decision.conditions !== after.conditions) return 'other conditions than the record has';
  const types = new Set<string>();
  for (const condition of after.conditions) {
    const { type, status, lastTransitionAt, observedGeneration, reason } = condition;
    if (types.has(type)) return `${type} is there twice`;
    types.add(type);
    if (!/^[A-Za-z]+$/.test(reason)) return `${type} has the reason ${reason}`;
    if (observedGeneration !== after.generation) return `${type} is said of generation ${observedGeneration}`;
    const earlier = before?.conditions.find((other) => other.type === type);
    if (earlier === undefined || earlier === condition) continue;
    if (earlier.status === status && earlier.lastTransitionAt !== lastTransitionAt)
      return `${type} moved lastTransitionAt without a change`;
    if (earlier.status !== status && lastTransitionAt !== now) return `${type} changed without moving lastTransitionAt`;
  }
  return types.size === 8 ? null : `${types.size} conditions`;
};

const wakesInTime: Invariant = ({ decision, now }) =>
  decision.wakeAt !== null && !(decision.wakeAt > now) ? `wakeAt is ${now - decision.wakeAt} ms in the past` : null;

/** Whoever waits for time to pass asks to be woken for it. */
const wakesForBackOffs: Invariant = ({ after, decision, now }) => {
  if (goalOf(after) !== 'running') return null;
  for (const { revision, ordinal, notBefore } of after.restarts) {
    const serves = revision === (after.rollout?.target ?? after.stable?.hash);
    if (!serves || notBefore <= now || ordinal >= fewestOf(after, revision)) continue;
    if (serving(after, revision, false).some((instance) => instance.ordinal === ordinal)) continue;
    const alone = [after.stable, after.target, ...after.leaving].some((known) => known?.run.exclusive === true);
    if (notBefore > now + 300_000) return alone ? null : `ordinal ${ordinal} waits ${notBefore - now} ms, longer than any back-off`;
    if (decision.wakeAt === null || decision.wakeAt > notBefore) return `nobody wakes for the back-off of ordinal ${ordinal}`;
  }
  return null;
};

/** Instances that there surely should be now: a strategy may have the target or stable have fewer for a while. */
function fewestOf(record: ServiceRecord, revision: string): number {
  const { rollout } = record;
  if (rollout === null || rollout.direct !== null || rollout.target !== revision) return wantedOf(record, revision);
  if (rollout.strategy === 'rolling') return 0;
  return rollout.strategy === 'canary' ? replicasBySteps(rollout, record) : wantedOf(record, revision);
}

const wakesForDeadline: Invariant = ({ after, decision, now }) => {
  const { rollout, desired } = after;
  if (rollout === null || rollout.stable === null || desired === null || goalOf(after) !== 'running') return null;
  if (rollout.waitingSince !== null) return null;
  const { progressDeadlineMs, rollback } = serviceFor(after, rollout.target)!.migration;
  const deadlineAt = rollout.startedAt + rollout.waitedMs + progressDeadlineMs;
  const woken = decision.wakeAt !== null && decision.wakeAt <= deadlineAt;
  return rollback.automatic && deadlineAt > now && !woken ? 'nobody wakes for the deadline of the rollout' : null;
};

const named = (invariants: Readonly<Record<string, Invariant>>): readonly (readonly [string, Invariant])[] => Object.entries(invariants);
const always = named({
  wakesInTime,
  wakesForBackOffs,
  wakesForDeadline,
  ...canaryAlways,
  ...analysisAlways,
  ...releaseAlways,
  ...driftAlways,
  ...reportAlways,
  ...lockAlways,
});
const onChange = named({
  ...rolloutInvariants,
  ...strategyInvariants,
  ...standInInvariants,
  ...canaryInvariants,
  ...analysisInvariants,
  ...releaseInvariants,
  ...driftInvariants,
  ...reportInvariants,
  ...lockInvariants,
  lifecycleFollowsTheTable,
  instancesAreOnRecord,
  planGenerationGrows,
  olderSnapshotIsNotApplied,
  badSourceDisturbsNothing,
  suspendedHolds,
  declaredIsNotDeleted,
  downInstancesEnd,
  commandsAreTakenOnce,
  statusIsTrue,
  stateIsTrue,
  restartBudgetHolds,
  conditionsAreWellFormed,
  reconcilingTwiceChangesNothing,
});
