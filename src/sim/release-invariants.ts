/**
 * What must be so of every Rollout whatever its strategy: when it is direct, the contract gate, its group, the way back
 * after promotion, waiting and the deadline, and that the reasons given are true. Names as in invariants.ts.
 */
import type { Rejection } from '../model/record.ts';
import type { DirectReason } from '../model/rollout.ts';
import { classOf, offerOf, wantsReview } from './contracts.ts';
import { isApproved } from './lock-invariants.ts';
import {
  commanded,
  goalOf,
  isOver,
  manifestAtEnd,
  ongoing,
  promotion,
  reachable,
  serviceFor,
  serving,
  weightOf,
  type Invariant,
  type Judged,
} from './terms.ts';

function begun({ before, after }: Judged): boolean {
  return after.rollout !== null && after.rolloutCount > (before?.rolloutCount ?? 0);
}

function exclusiveOr({ after }: Judged, expected: DirectReason): string | null {
  const exclusive = after.target!.run.exclusive || after.stable?.run.exclusive === true;
  return after.rollout!.direct === (exclusive ? 'exclusive' : expected) ? null : `direct: ${after.rollout!.direct} rather than ${expected}`;
}

/** Rules 1 and 3. */
const directIsForAReason: Invariant = (judged) => {
  const { after } = judged;
  if (!begun(judged)) return null;
  const { direct, target } = after.rollout!;
  if (after.target!.hash !== after.desired!.revision.hash) return exclusiveOr(judged, 'fallback');
  const { window } = after.desired!.migration.rollback;
  const lately = after.promoted.slice(1, window + 1).some(({ revision }) => revision.hash === target);
  const exclusive = after.target!.run.exclusive || after.stable?.run.exclusive === true;
  const expected: DirectReason | null = exclusive ? 'exclusive' : after.stable === null ? 'first' : lately ? 'return' : null;
  return direct === expected ? null : `direct: ${direct} rather than ${expected}`;
};

const strategyIsTheDeclared: Invariant = (judged) => {
  const { after } = judged;
  if (!begun(judged)) return null;
  const declared = serviceFor(after, after.rollout!.target)!.migration.strategy;
  return after.rollout!.strategy === declared ? null : `${after.rollout!.strategy} was not asked for`;
};

/** A target that breaks what clients rely on gets no call where the manifest blocks that. */
const gateHolds: Invariant = (judged) => {
  const { after, before, observation } = judged;
  const { rollout, stableContract } = after;
  if (rollout === null || rollout.direct !== null || stableContract === null || before?.stableContract !== stableContract) return null;
  const getsCalls = weightOf(after, rollout.target) > 0;
  if (!getsCalls || weightOf(before, rollout.target) > 0) return null;
  const offered = observation?.instances.find(({ revision, contract }) => revision === rollout.target && contract !== null)?.contract;
  if (offered == null) return null;
  const [from, to] = [offerOf(stableContract), offerOf(offered)];
  const { breaking, descriptions } = after.desired!.migration.contract;
  if (classOf(from, to) === 'breaking' && breaking === 'block') return 'a target that breaks its contract gets calls';
  return wantsReview(from, to) && descriptions === 'block' ? 'a target that wants a review gets calls' : null;
};

/** What is said of the two Contracts is so. */
const comparisonIsTrue: Invariant = (judged) => {
  const contract = judged.after.rollout?.contract ?? null;
  if (contract === null || contract === judged.before?.rollout?.contract) return null;
  const expected = classOf(offerOf(contract.from), offerOf(contract.to));
  if (contract.from !== judged.after.stableContract) return 'the target is compared with another contract than stable was promoted with';
  return contract.class === expected ? null : `${contract.from} → ${contract.to} is said to be ${contract.class}, it is ${expected}`;
};

/** Phases from which on calls move. */
const calls = new Set(['Switching', 'Swapping']);

/** Together or not at all. */
const groupMovesTogether: Invariant = (judged) => {
  const { after, desired } = judged;
  const { rollout } = after;
  if (rollout === null || rollout.direct === 'fallback' || rollout.stable === null || after.desired!.migration.releaseTogether === null)
    return null;
  const was = ongoing(judged)?.was;
  if (was === undefined || was.released || calls.has(was.phase) || !calls.has(rollout.phase)) return null;
  const stands = desired.group.map((member) => member.stands);
  if (stands.includes('moving')) return `it goes on though a member of its group is on its way`;
  return stands.includes('rejected') ? 'it goes on though a member of its group was taken back' : null;
};

const releasedStaysReleased: Invariant = (judged) => {
  const both = ongoing(judged);
  const { rollout } = judged.after;
  if (rollout?.phase === 'Switching' && judged.desired.group.length > 0 && !rollout.released)
    return 'it switches, and its group has not let it go on';
  if (both?.was.released === true && both.is.phase === 'Gathering') return 'it waits for its group, which had let it go on';
  if (both === null || !both.was.released || both.was.stepsHash !== both.is.stepsHash) return null;
  return both.is.released ? null : 'its group had let it go on, and holds it again';
};

/** Rule 10: only where declared, in time, to what was promoted before and not taken back since. */
const fallbackIsAllowed: Invariant = (judged) => {
  const { before, after } = judged;
  const { rollout, stable, promoted, desired } = after;
  if (!begun(judged) || before === null || rollout!.target === desired!.revision.hash) return null;
  const [last, ...earlier] = promoted;
  const declared = desired!.revision.hash;
  const leftAlone = stable?.hash === declared || after.rejections.some(({ revision }) => revision === declared);
  if (last?.revision.hash !== stable?.hash || !leftAlone) return 'a fallback from what was not promoted last';
  if (earlier[0]?.revision.hash !== rollout!.target) return 'a fallback to what was not promoted before';
  if (after.rejections.some(({ revision }) => revision === rollout!.target)) return 'a fallback to what was taken back itself';
  const remembered = after.rejections.find(({ revision }) => revision === stable?.hash);
  return remembered === undefined ? 'a fallback from what is not remembered as taken back' : null;
};

/** Rule 6: what it waited for time, a person, data or its group is no part of the deadline. */
const deadlineLeavesOutWaits: Invariant = (judged) => {
  const { before, after, now, world } = judged;
  const { rollout, desired } = after;
  if (desired === null || world.clockJumped) return null;
  const [verdict] = after.verdicts;
  const { surelyWaitedMs, maybeWaitedMs } = world.watch;
  if (verdict !== undefined && verdict.number !== before?.verdicts[0]?.number && verdict.reason === 'ProgressDeadlineExceeded') {
    const target = before?.rollout?.number === verdict.number ? before.rollout.target : after.rejections[0]!.revision;
    const { progressDeadlineMs } = manifestAtEnd(judged, target)!.migration;
    const busyMs = now - verdict.startedAt - surelyWaitedMs;
    return busyMs >= progressDeadlineMs ? null : `its deadline is ${progressDeadlineMs} ms, it was busy for ${busyMs} ms`;
  }
  if (rollout === null || before?.rollout?.number !== rollout.number || rollout.stable === null) return null;
  const { progressDeadlineMs, rollback } = serviceFor(after, rollout.target)!.migration;
  const busyMs = now - rollout.startedAt - maybeWaitedMs;
  return rollback.automatic && goalOf(after) === 'running' && busyMs > progressDeadlineMs
    ? `it goes on after ${busyMs} ms without a wait`
    : null;
};

/** What a Rollout is said to have waited is no more than it can have been. */
const waitsAreCounted: Invariant = (judged) => {
  const both = ongoing(judged);
  const { now, world } = judged;
  if (both === null || world.clockJumped) return null;
  const { waitedMs, waitingSince } = both.is;
  const saidMs = waitedMs + (waitingSince === null ? 0 : now - waitingSince);
  const { surelyWaitedMs, maybeWaitedMs } = world.watch;
  if (saidMs > maybeWaitedMs) return `it is said to have waited ${saidMs} ms, and can have waited ${maybeWaitedMs} ms at most`;
  return saidMs < surelyWaitedMs ? `it is said to have waited ${saidMs} ms, and waited ${surelyWaitedMs} ms at least` : null;
};

/** Why a Revision is said to have been taken back is so. */
const reasonsAreTrue: Invariant = (judged) => {
  const { before, after } = judged;
  const fresh = after.rejections.filter((rejection) => !before?.rejections.includes(rejection));
  for (const rejection of fresh) {
    const wrong = wrongReason(rejection, judged);
    if (wrong !== null) return `${rejection.name} was taken back, ${rejection.reason}: ${wrong}`;
  }
  return null;
};

function wrongReason({ revision, reason }: Rejection, judged: Judged): string | null {
  const { before, after, desired, world } = judged;
  const behaviour = world.workload.behaviours.get(revision)!;
  const rollout = before?.rollout ?? null;
  const migration = after.desired!.migration;
  const sameManifest = before?.desired?.specHash === after.desired!.specHash;
  switch (reason) {
    case 'Aborted':
      return commanded(desired, before, 'abort') ? null : 'nobody aborted it';
    case 'AnalysisFailed': {
      if (rollout?.strategy !== 'canary' || rollout.direct !== null) return `there is no analysis in a ${rollout?.strategy} rollout`;
      const limit = migration.canary.analysis.failureLimit;
      const failures = (rollout.analysis?.failures ?? 0) + 1;
      if (failures <= limit && sameManifest) return `${failures} measurements failed, ${limit} are put up with`;
      const last = after.verdicts[0]?.measurement?.outcome;
      if (last !== 'fail' && sameManifest) return `its last measurement says ${last}`;
      return ['errors-under-load', 'slow-under-load', 'bad-metric'].includes(behaviour.kind) ? null : `it behaves well (limit ${limit})`;
    }
    case 'ContractBreaking':
    case 'ContractReview': {
      const compared = after.verdicts[0]?.contract;
      if (compared == null) return 'nothing was compared';
      const [from, to] = [offerOf(compared.from), offerOf(compared.to)];
      const so = reason === 'ContractBreaking' ? classOf(from, to) === 'breaking' : wantsReview(from, to);
      if (!so) return `${compared.from} → ${compared.to}`;
      const policy = reason === 'ContractBreaking' ? migration.contract.breaking : migration.contract.descriptions;
      if (policy !== 'block') return `the manifest says ${policy}`;
      // What was compared only now could not be known when the manifest did not yet forbid it.
      const known = sameManifest && !world.drifted && rollout !== null && rollout.contract !== null;
      return known && weightOf(before, rollout.target) > 0 ? 'it has got calls before' : null;
    }
    case 'GroupRejected':
      if (migration.releaseTogether === null) return 'it is in no group';
      if (revision === before?.stable?.hash && !leftByGroup(judged)) return 'nobody who was released with it was taken back';
      return desired.group.some(({ stands }) => stands === 'rejected') ? null : 'no member of its group was taken back';
    case 'UnhealthyAfterPromotion':
      return wrongRegression(revision, judged);
    case 'ShadowDiffers':
      if (shadowStep(judged)?.maxDifferent === null && sameManifest) return 'answers that differ are only to be listed';
      return behaviour.kind === 'answers-differ' ? null : 'it answers as stable does';
    case 'PreviewCheckFailed':
      if (rollout?.strategy !== 'blue-green' || rollout.direct !== null) return `there is no preview in a ${rollout?.strategy} rollout`;
      return behaviour.kind === 'fails-in-preview' || world.tainted.has(revision) ? null : 'its checks through the preview pass';
    default:
      return null;
  }
}

function shadowStep({ before }: Judged) {
  const step = before!.desired?.migration.canary.steps[before!.rollout!.step];
  return step?.type === 'shadow' ? step : null;
}

/** Whether a member that was promoted in one release with stable was taken back since. */
function leftByGroup({ before, desired }: Judged): boolean {
  const together = before?.promoted[0]?.together;
  return desired.group.some(({ service, stands, snapshot }) => stands === 'rejected' && together?.[service] === snapshot);
}

/** Rule 10, the other way round: where there is a reason to go back, and somewhere to go back to, it goes back. */
const regressionIsHeeded: Invariant = (judged) => {
  const { before, after, now, observation } = judged;
  const { stable, desired, promoted, rejections, rollout } = after;
  if (before === null || stable === null || rollout !== null || before.rollout !== null || goalOf(after) !== 'running') return null;
  if (stable.hash !== desired!.revision.hash || before.stable?.hash !== stable.hash || promoted[0]?.revision.hash !== stable.hash)
    return null;
  const earlier = promoted[1]?.revision.hash;
  if (earlier === undefined || rejections.some(({ revision }) => revision === stable.hash || revision === earlier)) return null;
  if (leftByGroup(judged)) return 'a member that was released with it was taken back, and it stays';
  const withinMs = desired!.migration.rollback.ifUnhealthyWithinMs;
  if (now - promoted[0].at >= withinMs || now < promoted[0].at) return null;
  const down = serving(after, stable.hash, false).find(({ id }) => {
    const seen = observation?.instances.find((one) => one.id === id);
    return seen?.phase === 'connected' && isOver(seen, after);
  });
  return down === undefined ? null : `${down.id} fails its checks, and its promotion is not taken back`;
};

/** After its promotion: in time, where its manifest says so, and because it fails and nobody else. */
function wrongRegression(revision: string, { before, after, now, world, observation }: Judged): string | null {
  if (before?.stable?.hash !== revision) return 'it is not stable';
  const superseded = before.rollout !== null && after.verdicts.some(({ number }) => number === before.rollout!.number);
  if (before.rollout !== null && !superseded) return 'a rollout is under way';
  const withinMs = after.desired!.migration.rollback.ifUnhealthyWithinMs;
  const promotedMs = now - before.promoted[0]!.at;
  if (promotedMs >= withinMs) return `${promotedMs} ms after its promotion, ${withinMs} ms are declared`;
  const down = observation?.instances.some((seen) => seen.revision === revision && isOver(seen, after)) === true;
  const failing = after.restarts.some((restart) => restart.revision === revision && restart.failuresInARow >= 2);
  if (!down && !failing) return 'it is well';
  const { worth } = world.workload.behaviours.get(revision)!;
  return worth === 'unsteady' || world.hurt.has(revision) || world.tainted.has(revision) ? null : 'it is good, and no fault hurt it';
}

const phases: Readonly<Record<string, readonly string[]>> = {
  'in-place': ['Proving', 'Gathering', 'Switching'],
  rolling: ['Proving', 'Replacing', 'Gathering', 'Switching'],
  'blue-green': ['Proving', 'Previewing', 'Gathering', 'Switching'],
  canary: ['Proving', 'Stepping', 'Gathering', 'Switching'],
};
const swapping = ['Proving', 'Gathering', 'Swapping', 'Switching'];

const phasesAreOfTheStrategy: Invariant = (judged) => {
  const { rollout } = judged.after;
  if (rollout === null) return null;
  const { direct, phase, strategy } = rollout;
  const allowed = direct === 'exclusive' ? swapping : (phases[direct === null ? strategy : 'in-place'] ?? []);
  return allowed.includes(phase) ? null : `${phase} in a ${strategy} rollout (direct: ${direct})`;
};

/** The list of what was promoted is in order, without doubles, and no longer than the manifest says. */
const promotedIsInOrder: Invariant = (judged) => {
  const { after, before } = judged;
  if (after.stable !== null && after.promoted[0]?.revision.hash !== after.stable.hash) return 'stable is not the first of the promoted';
  const hashes = after.promoted.map(({ revision }) => revision.hash);
  if (new Set(hashes).size !== hashes.length) return 'a revision is in the list of the promoted twice';
  if (promotion(judged) === null) return null;
  const [first] = after.promoted;
  const own = serving(before!, first!.revision.hash, true);
  // One that was lost and is started anew offers nothing yet.
  const seen = judged.observation?.instances.find(({ id, contract }) => contract !== null && own.some((one) => one.id === id));
  if (seen !== undefined && first!.contract !== null && first!.contract !== seen.contract && !judged.world.drifted)
    return `promoted with ${first!.contract}, it offers ${seen.contract}`;
  const drifted = after.stableContract !== null && isApproved(after, first!.service, after.stableContract);
  return first!.contract === after.stableContract || drifted ? null : 'the record and the promotion name different contracts';
};

/** A Contract that changes without a Rollout is drift, and is said to be. */
const driftIsSeen: Invariant = ({ after, decision, observation, desired }) => {
  const approved = (hash: string): boolean => after.stable !== null && isApproved(after, serviceFor(after, after.stable.hash), hash);
  const { stable, stableContract } = after;
  const offers = reachable(after, stable?.hash ?? '').map(({ id }) => observation?.instances.find((seen) => seen.id === id)?.contract);
  const other = offers.find((hash) => hash != null && hash !== stableContract && !approved(hash) && desired.contracts[hash] !== undefined);
  if (stableContract !== null && desired.contracts[stableContract] === undefined) return null;
  const asPromoted = offers.length > 0 && offers.every((hash) => hash === stableContract || (hash != null && approved(hash)));
  if (asPromoted && after.drift !== null) return `drift to ${after.drift.to} though stable offers what it was promoted with`;
  if (other != null && after.drift === null) return `stable offers ${other} rather than ${stableContract}, and no drift is said`;
  if (after.drift === null) return decision.plan !== null && decision.plan.quarantine.length > 0 ? 'quarantine without drift' : null;
  if (after.drift.from !== after.stableContract) return 'drift from another contract than stable was promoted with';
  const expected = classOf(offerOf(after.drift.from), offerOf(after.drift.to));
  return after.drift.class === expected ? null : `drift is said to be ${after.drift.class}, it is ${expected}`;
};

/** What stable was promoted with is another only after a promotion, or when a commit has approved it, in its manifest or its Lock. */
const stableContractHolds: Invariant = (judged) => {
  const { before, after } = judged;
  const manifest = after.stableService ?? after.desired;
  const { approved, drift } = manifest?.migration.contract ?? { approved: null, drift: 'warn' };
  if (after.quarantine.length > 0 && drift !== 'quarantine') return 'tools are hidden though drift is only to be told';
  if (before?.stableContract == null || before.stableContract === after.stableContract || promotion(judged) !== null) return null;
  const commit = approved !== null && after.stableContract?.startsWith(approved) === true;
  return commit || after.stableContract === after.desired?.lock?.contract
    ? null
    : `stable's contract became ${after.stableContract}, and nobody approved that`;
};

export const releaseInvariants = {
  directIsForAReason,
  strategyIsTheDeclared,
  gateHolds,
  comparisonIsTrue,
  groupMovesTogether,
  releasedStaysReleased,
  fallbackIsAllowed,
  regressionIsHeeded,
  waitsAreCounted,
  reasonsAreTrue,
  phasesAreOfTheStrategy,
  promotedIsInOrder,
  driftIsSeen,
  stableContractHolds,
};
export const releaseAlways = { deadlineLeavesOutWaits };
