/** What must be so of every Decision about Rollouts and about what serves meanwhile. Names and numbers as in invariants.ts. */
import type { InstanceRecord } from '../model/record.ts';
import { mayBeTriedAgain } from './lock-invariants.ts';
import { unfairShare } from './stand-in-invariants.ts';
import {
  goalOf,
  manifestAtEnd,
  serviceFor,
  serving,
  wantedOf,
  isLost,
  isOver,
  inBackOff,
  retried,
  sameJson,
  type Invariant,
} from './terms.ts';

/** [4] */
const atMostOneRollout: Invariant = ({ before, after }) => {
  const begun = after.rolloutCount - (before?.rolloutCount ?? 0);
  const ended = after.verdicts.filter(({ number }) => number > (before?.verdicts[0]?.number ?? 0)).length;
  if (begun < 0 || begun > 3 || (begun > 1 && ended < begun - 1)) return `${begun} rollouts began at once, ${ended} ended`;
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
  for (const [revision, share] of named) {
    const unfair = revision === stable?.hash || revision === target?.hash ? null : unfairShare(after, revision, share);
    if (unfair !== null) return unfair;
  }
  if (named.length > 0 && named.reduce((sum, [, weight]) => sum + weight, 0) !== 100) return 'weights do not sum to 100';
  if (rollout === null) {
    if (stable !== null && (named.length === 0 || route.hold)) return 'no rollout, and not all calls go to stable';
    return null;
  }
  const onTarget = route.weights[rollout.target] ?? 0;
  const proven = serving(after, rollout.target, true).length;
  const whole = rollout.phase === 'Switching' || rollout.direct !== null;
  if (onTarget > 0 && !route.hold && proven < (whole ? wantedOf(after, rollout.target) : 1))
    return 'calls go to a target that is not ready';
  if (rollout.phase === 'Proving' && onTarget > 0) return 'calls go to a target in proof';
  if (stable !== null && onTarget === 0 && (named.length === 0 || route.hold)) return 'calls do not go to stable';
  return null;
};

/** [6] [7] What serves is sent away only for a reason, and never so many that fewer are ready than should be. */
const stableServesUntilTargetIsProven: Invariant = ({ before, after, observation, now }) => {
  if (before === null || before.stable === null || goalOf(after) !== 'running') return null;
  const { stable } = before;
  if ([before.rollout, after.rollout].some((rollout) => rollout?.strategy === 'rolling' && rollout.direct === null)) return null;
  if (after.stable?.hash !== stable.hash || stable.run.exclusive || after.target?.run.exclusive === true) return null;
  const wanted = wantedOf(after, stable.hash);
  for (const instance of serving(before, stable.hash, false)) {
    if (instance.ordinal >= wanted || after.instances.some(({ id, duty }) => id === instance.id && duty === 'serve')) continue;
    const seen = observation?.instances.find(({ id }) => id === instance.id);
    if (!isOver(seen, after) && !isLost(before, observation, instance.id)) return `${instance.id} of stable was sent away`;
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
  if (serving(after, after.stable.hash, true).length < wantedOf(after, after.stable.hash)) return 'promoted without proof';
  if (after.promoted[0]?.revision.hash !== after.stable.hash) return 'promoted, and not in the list of the promoted';
  const { host } = world;
  if (observation !== null && host?.id === observation.hostId && !world.clockJumped) {
    const inForce = host.inForce?.route?.weights[after.stable.hash] ?? 0;
    if (inForce !== 100) return 'promoted before the gateway sent calls there';
  }
  return null;
};

/** [13] and rule 2: only promotion makes a Revision stable, so every other verdict leaves stable as it was. */
const rollbackRestoresStable: Invariant = (judged) => {
  const { before, after, desired } = judged;
  const verdict = after.verdicts[0];
  if (before === null || verdict === undefined || verdict === before.verdicts[0] || verdict.number === before.verdicts[0]?.number)
    return null;
  if (verdict.result === 'Promoted') return null;
  if (verdict.result === 'RolledBack' && before.stable === null) return 'rolled back to nothing';
  const tried = before.target;
  const manifest = tried?.name === verdict.target ? manifestAtEnd(judged, tried.hash) : after.desired;
  if (verdict.result === 'RolledBack' && manifest?.migration.rollback.automatic === false)
    return 'rolled back though the manifest forbids it';
  if (!sameJson(before.stable, after.stable)) return `a rollout that was ${verdict.result} changed stable`;
  if (verdict.result === 'Superseded' || after.stable === null || retried(desired, before)) return null;
  if (!after.rejections.some(({ name }) => name === verdict.target)) return 'a target that was taken back is not remembered';
  return null;
};

/** Rule 4: what was rejected is not tried again, nor forgotten, until somebody says retry, or the member of the group for whose sake it was is no longer rejected, or it is locked. */
const rejectedIsNotTriedAgain: Invariant = ({ before, after, desired }) => {
  if (before === null || retried(desired, before)) return null;
  const grouped = !desired.group.some(({ stands }) => stands === 'rejected');
  const lasting = before.rejections.filter((rejection) => !mayBeTriedAgain(after, rejection));
  const known = lasting.filter(({ reason }) => reason !== 'GroupRejected' || !grouped);
  const began = after.rolloutCount > before.rolloutCount && after.rollout !== null;
  if (began && known.some(({ revision }) => revision === after.rollout?.target)) return 'a rejected revision is being tried again';
  if (after.rejections.length >= 20) return null;
  const forgotten = known.find(({ revision }) => !after.rejections.some((other) => other.revision === revision));
  return forgotten === undefined ? null : `the rejection of ${forgotten.name} was forgotten`;
};

const retryIsHeard: Invariant = ({ before, after, desired }) => {
  if (before === null || desired.commands.at(-1)?.kind !== 'retry' || !retried(desired, before)) return null;
  if (after.rolloutCount > before.rolloutCount) return null;
  const still = after.rejections.find(
    ({ revision, at }) => revision === before.desired?.revision.hash && before.rejections.some((other) => other.at === at),
  );
  return still === undefined ? null : `${still.name} is still rejected after a retry`;
};

/** Failed target Instances are counted; three, or one that says enough, end the Rollout when there is something to go back to. */
const failedEnoughIsOver: Invariant = ({ before, after, observation }) => {
  const { rollout } = after;
  if (rollout === null || before === null) return null;
  if (before.rollout?.number === rollout.number) {
    const hasEnded = ({ id }: InstanceRecord): boolean => observation?.instances.find((seen) => seen.id === id)?.phase === 'ended';
    const ended = serving(before, rollout.target, false).filter(hasEnded).length;
    if (rollout.failures < before.rollout.failures + ended) return `${ended} instances of the target ended, and were not counted`;
  }
  const { automatic } = serviceFor(after, rollout.target)?.migration.rollback ?? { automatic: false };
  if (rollout.stable === null || !automatic || goalOf(after) !== 'running') return null;
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

export const rolloutInvariants = {
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
};
