/**
 * What must be so of every Decision, each a named function of what the heart was given and what it answered. The names
 * are what a violation is reported under; the numbers in brackets are those of the design's list of invariants.
 */
import type { Decide, Decision } from '../core/decide.ts';
import type { Desired } from '../model/desired.ts';
import type { Observation, ObservedInstance } from '../model/observation.ts';
import type { InstanceRecord, LifecycleState, ServiceRecord } from '../model/record.ts';
import type { World } from './world.ts';

export interface Pass {
  readonly decide: Decide;
  readonly desired: Desired;
  readonly before: ServiceRecord | null;
  readonly observation: Observation | null;
  readonly now: number;
  readonly decision: Decision;
}

/** A Pass that left a Record. */
interface Judged extends Pass {
  readonly after: ServiceRecord;
  readonly world: World;
}

/** What is wrong, or null. */
type Invariant = (judged: Judged) => string | null;

export function checkDecision(world: World, pass: Pass): void {
  const { decision, before } = pass;
  if (decision.record === null) {
    if (before !== null) world.violate('record-kept', 'the heart forgot a record');
    return;
  }
  const judged: Judged = { ...pass, after: decision.record, world };
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

/** [3] */
const reconcilingTwiceChangesNothing: Invariant = ({ decide, desired, observation, now, decision, after }) => {
  if (decision.archive) return null;
  const again = decide(desired, after, observation, now);
  if (again.record !== after) return `a second pass changed ${changedMembers(after, again.record).join(', ')}`;
  if (again.events.length > 0) return `a second pass said ${again.events.map(({ reason }) => reason).join(', ')}`;
  if (again.plan?.generation !== decision.plan?.generation) return 'a second pass made another plan';
  return null;
};

/** [4] */
const atMostOneRollout: Invariant = ({ before, after }) => {
  const begun = after.rolloutCount - (before?.rolloutCount ?? 0);
  if (begun !== 0 && begun !== 1) return `${begun} rollouts began at once`;
  const { rollout } = after;
  if (rollout === null) return after.target === null ? null : 'a target without a rollout';
  if (rollout.number !== after.rolloutCount) return `rollout ${rollout.number} of ${after.rolloutCount} is under way`;
  if (rollout.target !== after.target?.hash) return 'the rollout and the record name different targets';
  if (rollout.stable !== (after.stable?.hash ?? null)) return 'the rollout began from another stable than there is';
  if (begun === 0 && before?.rollout?.number === rollout.number && before.rollout.target !== rollout.target)
    return 'a rollout changed its target';
  return null;
};

/** [15] */
const verdictSaidOnce: Invariant = ({ before, after, decision }) => {
  const known = before?.verdicts ?? [];
  const fresh = after.verdicts.filter(({ number }) => !known.some((verdict) => verdict.number === number));
  const ended = new Set<number>();
  if (before !== null && before.rollout !== null && before.rollout.number !== after.rollout?.number) ended.add(before.rollout.number);
  for (let number = (before?.rolloutCount ?? 0) + 1; number <= after.rolloutCount; number++)
    if (number !== after.rollout?.number) ended.add(number);
  for (const number of ended)
    if (fresh.filter((verdict) => verdict.number === number).length !== 1) return `rollout ${number} ended without a verdict`;
  if (fresh.length !== ended.size) return `${fresh.length} verdicts for ${ended.size} rollouts that ended`;
  const said = decision.events.filter(({ reason }) => verdictEvents.has(reason)).map(({ reason }) => reason);
  const meant = fresh.map(({ result }) => `Rollout${result}`);
  return said.sort().join() === meant.sort().join() ? null : `verdicts ${meant.join()} but events ${said.join()}`;
};
const verdictEvents = new Set(['RolloutPromoted', 'RolloutRolledBack', 'RolloutAborted', 'RolloutSuperseded']);

/** [5] [10] */
const callsReachOnlyWhatIsReady: Invariant = ({ after }) => {
  const { route, stable, target, rollout } = after;
  if (route === null) return goalOf(after) === 'running' ? 'no route while it should run' : null;
  if (goalOf(after) !== 'running') return 'a route while it should not run';
  const named = Object.entries(route.weights);
  for (const [revision] of named)
    if (revision !== stable?.hash && revision !== target?.hash) return `calls go to ${revision.slice(0, 8)}, neither stable nor target`;
  if (named.length > 0 && named.reduce((sum, [, weight]) => sum + weight, 0) !== 100) return 'weights do not sum to 100';
  if (rollout === null) {
    if (stable !== null && (route.weights[stable.hash] !== 100 || route.hold)) return 'no rollout, and not all calls go to stable';
    return null;
  }
  const onTarget = route.weights[rollout.target] ?? 0;
  if (onTarget > 0 && !route.hold && serving(after, rollout.target, true).length < wantedOf(after, rollout.target))
    return 'calls go to a target that is not ready';
  if (rollout.phase === 'Proving' && onTarget > 0) return 'calls go to a target in proof';
  if (stable !== null && onTarget === 0 && (route.weights[stable.hash] !== 100 || route.hold)) return 'calls do not go to stable';
  return null;
};

/** [6] [7] What serves is sent away only for a reason, and never so many that fewer are ready than should be. */
const stableServesUntilTargetIsProven: Invariant = ({ before, after, observation, now }) => {
  if (before === null || before.stable === null || goalOf(after) !== 'running') return null;
  const { stable } = before;
  if (after.stable?.hash !== stable.hash || stable.run.exclusive || after.target?.run.exclusive === true) return null;
  const wanted = wantedOf(after, stable.hash);
  for (const instance of serving(before, stable.hash, false)) {
    if (instance.ordinal >= wanted || after.instances.some(({ id, duty }) => id === instance.id && duty === 'serve')) continue;
    const seen = observation?.instances.find(({ id }) => id === instance.id);
    if (!isOver(seen, after)) return `${instance.id} of stable was sent away`;
  }
  const waitsForExclusive = after.leaving.some(({ run }) => run.exclusive);
  if (
    after.rollout !== null &&
    serving(after, stable.hash, false).length < wanted &&
    !inBackOff(after, stable.hash, now) &&
    !waitsForExclusive
  )
    return 'stable is short of instances during a rollout, and none is in back-off';
  return null;
};

/** [11] Promotion comes after proof and after the gateway's word. */
const promotedOnlyWhenProvenAndRouted: Invariant = ({ before, after, observation, world }) => {
  if (after.stable === null) return before !== null && before.stable !== null ? 'stable was forgotten' : null;
  if (after.stable.hash === before?.stable?.hash)
    return after.stable.run === before.stable.run || sameJson(after.stable, before.stable) ? null : 'stable changed under its hash';
  const [verdict] = after.verdicts;
  if (before === null || verdict === before.verdicts[0] || verdict?.result !== 'Promoted' || verdict.target !== after.stable.name)
    return 'stable changed without a promotion';
  if (serving(before, after.stable.hash, true).length < wantedOf(after, after.stable.hash)) return 'promoted without proof';
  if (after.promoted[0]?.hash !== after.stable.hash) return 'promoted, and not in the list of the promoted';
  const { host } = world;
  if (observation !== null && host?.id === observation.hostId && !world.clockJumped) {
    const inForce = host.inForce?.route?.weights[after.stable.hash] ?? 0;
    if (inForce !== 100) return 'promoted before the gateway sent calls there';
  }
  return null;
};

/** [13] and rule 2: only promotion makes a Revision stable, so every other verdict leaves stable as it was. */
const rollbackRestoresStable: Invariant = ({ before, after, desired }) => {
  const verdict = after.verdicts[0];
  if (before === null || verdict === undefined || verdict === before.verdicts[0] || verdict.number === before.verdicts[0]?.number)
    return null;
  if (verdict.result === 'Promoted') return null;
  if (verdict.result === 'RolledBack' && before.stable === null) return 'rolled back to nothing';
  if (verdict.result === 'RolledBack' && after.desired?.migration.rollback.automatic === false)
    return 'rolled back though the manifest forbids it';
  if (!sameJson(before.stable, after.stable)) return `a rollout that was ${verdict.result} changed stable`;
  if (verdict.result === 'Superseded' || after.stable === null || retried(desired, before)) return null;
  const tried = before.rollout?.target;
  if (tried !== undefined && !after.rejections.some(({ revision }) => revision === tried))
    return 'a target that was taken back is not remembered';
  return null;
};

/** Rule 4: what was rejected is not tried again, nor forgotten, until somebody says retry. */
const rejectedIsNotTriedAgain: Invariant = ({ before, after, desired }) => {
  if (before === null || retried(desired, before)) return null;
  const began = after.rolloutCount > before.rolloutCount && after.rollout !== null;
  if (began && before.rejections.some(({ revision }) => revision === after.rollout?.target))
    return 'a rejected revision is being tried again';
  if (after.rejections.length >= 20) return null;
  const forgotten = before.rejections.find(({ revision }) => !after.rejections.some((other) => other.revision === revision));
  return forgotten === undefined ? null : `the rejection of ${forgotten.name} was forgotten`;
};

const retryIsHeard: Invariant = ({ before, after, desired }) => {
  if (before === null || desired.commands.at(-1)?.kind !== 'retry' || !retried(desired, before)) return null;
  const still = after.rejections.find(
    ({ revision, at }) => revision === before.desired?.revision.hash && before.rejections.some((other) => other.at === at),
  );
  return still === undefined ? null : `${still.name} is still rejected after a retry`;
};

/** Failed target Instances are counted; three, or one that says enough, end the Rollout when there is something to go back to. */
const failedEnoughIsOver: Invariant = ({ before, after, observation }) => {
  const { rollout, desired } = after;
  if (rollout === null || before === null) return null;
  if (before.rollout?.number === rollout.number) {
    const hasEnded = ({ id }: InstanceRecord): boolean => observation?.instances.find((seen) => seen.id === id)?.phase === 'ended';
    const ended = serving(before, rollout.target, false).filter(hasEnded).length;
    if (rollout.failures < before.rollout.failures + ended) return `${ended} instances of the target ended, and were not counted`;
  }
  if (rollout.stable === null || desired?.migration.rollback.automatic !== true || goalOf(after) !== 'running') return null;
  if (rollout.failures >= 3) return 'a rollout goes on after three failures';
  return certain.has(rollout.lastFailure?.code ?? '') ? `a rollout goes on after ${rollout.lastFailure!.code}` : null;
};
const certain = new Set(['CommandNotFound', 'HandshakeTimeout', 'CheckFailed']);

/** Rule 13. */
const dependantsWait: Invariant = ({ before, after, desired }) => {
  if (after.rolloutCount === (before?.rolloutCount ?? 0)) return null;
  const missing = after.desired?.dependsOn.find(({ service }) => desired.dependencies[service]?.ready !== true);
  return missing === undefined ? null : `a rollout began while ${missing.service} was not ready`;
};

/** Rule 6. */
const deadlineHolds: Invariant = ({ after, now }) => {
  const { rollout, desired } = after;
  if (rollout === null || rollout.stable === null || desired === null || goalOf(after) !== 'running') return null;
  const { progressDeadlineMs, rollback } = desired.migration;
  return rollback.automatic && now - rollout.startedAt > progressDeadlineMs ? 'a rollout goes on after its deadline' : null;
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
  if (after.deleting !== before.deleting) return `a source that is ${kind} changed whether it is deleted`;
  if (before.desired === null || before.deleting) return null;
  const valid = decide({ ...desired, declaration: { kind: 'declared', service: before.desired } }, before, observation, now);
  return sameJson(valid.plan?.instances, decision.plan?.instances) && sameJson(valid.plan?.route, decision.plan?.route)
    ? null
    : `a source that is ${kind} changed the plan`;
};

const suspendedHolds: Invariant = ({ before, after, desired }) => {
  if (before?.suspended !== true || desired.commands.some(({ kind }) => kind === 'resume')) return null;
  if (!after.suspended) return 'it was resumed by nobody';
  return after.desired === before.desired && after.deleting === before.deleting ? null : 'a change was applied while suspended';
};

const commandsAreTakenOnce: Invariant = ({ before, after, desired }) => {
  const last = desired.commands.at(-1)?.id ?? 0;
  const expected = Math.max(before?.commandId ?? 0, last);
  return after.commandId === expected ? null : `commands up to ${expected} were there, up to ${after.commandId} taken`;
};

/** [17] */
const statusIsTrue: Invariant = ({ after, desired, observation }) => {
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
  const proven = serving(after, after.stable.hash, true);
  if (proven.length < wantedOf(after, after.stable.hash)) return 'Ready with instances missing';
  if (observation !== null && proven.some(({ id }) => observation.instances.find((seen) => seen.id === id)?.phase === 'ended'))
    return 'Ready with an instance that has ended';
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
  return types.size === 7 ? null : `${types.size} conditions`;
};

const wakesInTime: Invariant = ({ decision, now }) =>
  decision.wakeAt !== null && !(decision.wakeAt > now) ? `wakeAt is ${now - decision.wakeAt} ms in the past` : null;

/** Whoever waits for time to pass asks to be woken for it. */
const wakesForBackOffs: Invariant = ({ after, decision, now }) => {
  if (goalOf(after) !== 'running') return null;
  for (const { revision, ordinal, notBefore } of after.restarts) {
    const serves = revision === (after.rollout?.target ?? after.stable?.hash);
    if (!serves || notBefore <= now || ordinal >= wantedOf(after, revision)) continue;
    if (serving(after, revision, false).some((instance) => instance.ordinal === ordinal)) continue;
    const alone = [after.stable, after.target, ...after.leaving].some((known) => known?.run.exclusive === true);
    if (notBefore > now + 300_000) return alone ? null : `ordinal ${ordinal} waits ${notBefore - now} ms, longer than any back-off`;
    if (decision.wakeAt === null || decision.wakeAt > notBefore) return `nobody wakes for the back-off of ordinal ${ordinal}`;
  }
  return null;
};

const named = (invariants: Readonly<Record<string, Invariant>>): readonly (readonly [string, Invariant])[] => Object.entries(invariants);
const always = named({ wakesInTime, wakesForBackOffs });
const onChange = named({
  lifecycleFollowsTheTable,
  atMostOneRollout,
  verdictSaidOnce,
  callsReachOnlyWhatIsReady,
  stableServesUntilTargetIsProven,
  promotedOnlyWhenProvenAndRouted,
  rollbackRestoresStable,
  rejectedIsNotTriedAgain,
  retryIsHeard,
  failedEnoughIsOver,
  dependantsWait,
  deadlineHolds,
  instancesAreOnRecord,
  planGenerationGrows,
  olderSnapshotIsNotApplied,
  badSourceDisturbsNothing,
  suspendedHolds,
  commandsAreTakenOnce,
  statusIsTrue,
  stateIsTrue,
  restartBudgetHolds,
  conditionsAreWellFormed,
  reconcilingTwiceChangesNothing,
});

export function goalOf({ deleting, desired }: ServiceRecord): 'removed' | 'unknown-spec' | 'stopped' | 'running' {
  if (deleting) return 'removed';
  if (desired === null) return 'unknown-spec';
  return desired.state === 'Active' ? 'running' : 'stopped';
}

export function serving({ instances }: ServiceRecord, revision: string, proven: boolean): InstanceRecord[] {
  return instances.filter(
    (instance) => instance.revision === revision && instance.duty === 'serve' && (!proven || instance.provenAt !== null),
  );
}

/** Replicas of a Revision: the target's by the newest manifest, stable's by the one it was promoted with. */
export function wantedOf({ desired, stable, stableService, target }: ServiceRecord, revision: string): number {
  const replicas = (revision === target?.hash ? desired : (stableService ?? desired))?.replicas ?? 0;
  const exclusive = [stable, target].some((known) => known?.hash === revision && known.run.exclusive);
  return exclusive ? Math.min(1, replicas) : replicas;
}

function isOver(seen: ObservedInstance | undefined, { desired }: ServiceRecord): boolean {
  if (seen === undefined) return false;
  const threshold = desired?.health.failureThreshold ?? 1;
  return seen.phase === 'ended' || seen.checks.some(({ failsInARow, errorsInARow }) => failsInARow >= threshold || errorsInARow >= 4);
}

function inBackOff({ restarts }: ServiceRecord, revision: string, now: number): boolean {
  return restarts.some((restart) => restart.revision === revision && restart.notBefore > now);
}

function retried({ commands }: Desired, before: ServiceRecord): boolean {
  return commands.some(({ id, kind }) => kind === 'retry' && id > before.commandId);
}

export function conditionOf({ conditions }: ServiceRecord, type: string): string {
  return conditions.find((condition) => condition.type === type)?.status ?? 'Unknown';
}

function numberOf(snapshot: string): number {
  return Number(snapshot.slice('snapshot-'.length)) || 0;
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function changedMembers(a: ServiceRecord, b: ServiceRecord | null): string[] {
  if (b === null) return ['everything'];
  return Object.keys(a).filter((key) => a[key as keyof ServiceRecord] !== b[key as keyof ServiceRecord]);
}
