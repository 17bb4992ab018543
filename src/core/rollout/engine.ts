/**
 * Rollouts of every strategy: beginning, superseding, carrying out a strategy's Step. Judging is in judge.ts, ending in verdict.ts.
 * Invariants: at most one Rollout a Service; stable becomes a Revision only by promotion; a superseded or ended
 * Rollout changes nothing any more; failure is looked at before anything else.
 */
import type { Duty, Route, Shadow } from '../../model/plan.ts';
import type { InstanceRecord } from '../../model/record.ts';
import type { Revision } from '../../model/revision.ts';
import type { DirectReason, Rollout, RolloutPhase, WaitsOn } from '../../model/rollout.ts';
import { takeEarly } from '../commands.ts';
import { ensureInstances, releaseOthers, takeObservation } from '../instances.ts';
import { dependenciesReady, migrationOf, rejectionOf, say, serviceOf, wake, wantedReplicas, wantedRevision, type Pass } from '../pass.ts';
import { beginAnalysis, measureTraffic } from './analysis.ts';
import { compareWithStable } from './gate.ts';
import { forgiveWait, judge, lastingFailureOf, wakeAtDeadline } from './judge.ts';
import { liftLockRejection, lockFailure } from './locked.ts';
import { keepStandIns, shareWithStandIns } from './stand-in.ts';
import { stepWords } from './step-words.ts';
import { standingOf } from './standing.ts';
import { strategies } from './strategies.ts';
import type { Step } from './strategy.ts';
import { inPlace } from './in-place.ts';
import { judgeStable, liftGroupRejection } from './regression.ts';
import { end, leave, promote } from './verdict.ts';

/** Brings the Rollout of a Service that should be running one pass further, or ends or begins one. */
export function advanceRollout(pass: Pass): void {
  const { record } = pass;
  liftGroupRejection(pass);
  liftLockRejection(pass);
  if (record.rollout !== null && record.rollout.target !== wantedRevision(pass).hash) supersede(pass, wantedRevision(pass));
  if (record.rollout !== null) look(pass);
  if (record.rollout === null) judgeStable(pass);
  // Again when it has failed before it began: then there may be another to go back to.
  while (record.rollout === null && mayBegin(pass, wantedRevision(pass))) {
    begin(pass, wantedRevision(pass));
    // What was up already, retired or kept, is on probation from here on.
    takeObservation(pass);
    look(pass);
  }
  takeEarly(pass);
  if (record.rollout !== null) carryOut(pass);
  if (record.rollout === null) hold(pass);
}

/** Takes in how the Rollout under way stands, and ends it when it has failed. */
function look(pass: Pass): void {
  keepTime(pass);
  restartChangedSteps(pass);
  compareWithStable(pass);
  measureTraffic(pass);
  judge(pass);
}

function mayBegin(pass: Pass, wanted: Revision): boolean {
  return wanted.hash !== pass.record.stable?.hash && rejectionOf(pass, wanted.hash) === undefined && dependenciesReady(pass);
}

function begin(pass: Pass, target: Revision): void {
  const { record, now } = pass;
  const number = record.rolloutCount + 1;
  record.rolloutCount = number;
  record.target = target;
  const direct = directReason(pass, target);
  // As the target it serves on.
  if (record.kept?.revision.hash === target.hash) dropKept(pass, 'serve');
  if (record.kept !== null && direct === 'exclusive') dropKept(pass, 'drain');
  const { strategy, stepsHash } = migrationOf(pass, target.hash);
  record.rollout = {
    number,
    strategy,
    direct,
    stable: record.stable?.hash ?? null,
    target: target.hash,
    startedAt: now,
    ...fromTheStart(now, stepsHash),
    waitingSince: null,
    waitedMs: 0,
    topWeight: 0,
    paused: null,
    contract: null,
    failures: 0,
    lastFailure: null,
    snapshot: record.observedSnapshot,
  };
  const from = record.stable === null ? 'first deployment' : `from ${record.stable.name}`;
  say(pass, 'Normal', 'RolloutStarted', `Rollout ${number} to ${target.name} (${from}, ${strategy}${directWords(direct)}).`, {
    revision: target.name,
  });
}

type FromTheStart = Pick<
  Rollout,
  | 'phase'
  | 'phaseStartedAt'
  | 'stepsHash'
  | 'step'
  | 'stepStartedAt'
  | 'promoted'
  | 'released'
  | 'analysis'
  | 'shadow'
  | 'waitsOn'
  | 'waitsFor'
>;

function fromTheStart(now: number, stepsHash: string): FromTheStart {
  return {
    phase: 'Proving',
    phaseStartedAt: now,
    stepsHash,
    step: 0,
    stepStartedAt: now,
    promoted: null,
    released: false,
    analysis: null,
    shadow: null,
    waitsOn: 'instances',
    waitsFor: '',
  };
}

/** Why a Rollout to this target has no steps; null when it has. */
function directReason(pass: Pass, target: Revision): DirectReason | null {
  const { stable, promoted, desired } = pass.record;
  if (stable === null) return target.run.exclusive ? 'exclusive' : 'first';
  if (target.run.exclusive || stable.run.exclusive) return 'exclusive';
  if (target.hash !== desired!.revision.hash) return 'fallback';
  const { window } = desired!.migration.rollback;
  return promoted.slice(1, window + 1).some(({ revision }) => revision.hash === target.hash) ? 'return' : null;
}

function directWords(direct: DirectReason | null): string {
  if (direct === 'return') return ', promoted before: without steps';
  if (direct === 'fallback') return ', back to what was promoted before: without steps';
  return direct === 'exclusive' ? ', one at a time: swapped in place' : '';
}

function supersede(pass: Pass, wanted: Revision): void {
  const { record } = pass;
  const returns = wanted.hash === record.stable?.hash;
  const message = returns ? `The manifest returned to stable ${wanted.name}.` : `The manifest moved on to ${wanted.name}.`;
  end(pass, 'Superseded', returns ? 'ReturnedToStable' : 'NewerRevision', message);
}

/** The Service is to stop: the Rollout under way ends without a judgement of its target. */
export function endForStop(pass: Pass): void {
  if (pass.record.rollout !== null) end(pass, 'Superseded', 'Stopped', 'The service was told to stop.');
  if (pass.record.kept !== null) dropKept(pass, 'drain');
  takeEarly(pass);
}

/** A clock that was set back makes no step last longer than it should from now on, and no look of an analysis the first one again and again. */
function keepTime({ record, now }: Pass): void {
  const rollout = record.rollout!;
  if (rollout.stepStartedAt > now) record.rollout = { ...record.rollout!, stepStartedAt: now };
  if (rollout.analysis !== null && rollout.analysis.startedAt > now)
    record.rollout = { ...record.rollout!, analysis: { ...rollout.analysis, startedAt: now } };
}

/** Other steps than those it goes by: they begin anew, with the target as it is, no calls to it, and all the time there is. */
function restartChangedSteps(pass: Pass): void {
  const { record, now } = pass;
  const rollout = record.rollout!;
  const { strategy, stepsHash } = migrationOf(pass, rollout.target);
  if (rollout.stepsHash === stepsHash) return;
  if (rollout.direct !== null) {
    record.rollout = { ...rollout, strategy, stepsHash };
    return;
  }
  // What is on the preview route stays there: how it does there is known already.
  const phase = rollout.phase === 'Previewing' && strategy === rollout.strategy ? 'Previewing' : 'Proving';
  const anew = { waitedMs: Math.max(0, now - rollout.startedAt), waitingSince: null };
  record.rollout = { ...rollout, strategy, ...fromTheStart(now, stepsHash), ...anew, phase };
  say(pass, 'Normal', 'StepsRestarted', `The steps to ${record.target!.name} changed and begin anew (${strategy}).`, {
    revision: record.target!.name,
  });
}

/** What the strategy says now: as often as it says that a step is done, the next one begins. */
function carryOut(pass: Pass): void {
  const { record } = pass;
  let step = nextStep(pass);
  if (looksOtherwise(record.rollout!.phase, step.phase)) {
    enterPhase(pass, step.phase);
    step = nextStep(pass);
  }
  while (step.stepDone) {
    beginStep(pass);
    step = nextStep(pass);
  }
  if (step.promote) {
    promote(pass);
    return;
  }
  enterPhase(pass, step.phase);
  rememberWait(pass, step);
  const standIns = keepStandIns(pass, record.rollout!.direct === 'exclusive' ? 0 : step.stable);
  setRoute(pass, routeOf(pass, step, standIns));
  beginAnalysis(pass);
  arrange(pass, step, standIns);
  wakeAtDeadline(pass);
  if (step.until !== null) wake(pass, step.until);
  const share = record.route?.weights[record.rollout!.target] ?? 0;
  if (!step.hold && share > record.rollout!.topWeight) record.rollout = { ...record.rollout!, topWeight: share };
}

function nextStep(pass: Pass): Step {
  const standing = standingOf(pass, heldBy(pass));
  const { direct, strategy } = standing.rollout;
  return direct === null ? strategies[strategy](standing) : inPlace(standing);
}

/** The first step counts from the moment in which the steps begin; what switches is held by nothing, and by all again once it is taken back. */
function looksOtherwise(before: RolloutPhase, after: RolloutPhase): boolean {
  return (before === 'Proving' && after === 'Stepping') || (isAtTheEnd.has(before) && !isAtTheEnd.has(after));
}

const isAtTheEnd = new Set<RolloutPhase>(['Switching', 'Swapping']);

/**
 * Why nothing may move: somebody paused it, it has failed and its manifest does not let it be taken back, or, where there is nothing
 * to go back to or it is about to take over, what it offers is not what was approved.
 */
function heldBy(pass: Pass): string | null {
  const { record } = pass;
  const rollout = record.rollout!;
  const unlocked = rollout.stable === null || isAtTheEnd.has(rollout.phase) ? lockFailure(pass) : null;
  const lock = `fairlead lock ${record.service}${rollout.stable === null ? '' : ' --target'}`;
  if (unlocked !== null) return `\`${lock}\`: ${unlocked.message}`;
  if (isAtTheEnd.has(rollout.phase)) return null;
  if (rollout.paused !== null) return `\`rollout resume\`: ${rollout.paused.actor} paused it`;
  const failure = rollout.stable === null ? null : lastingFailureOf(pass);
  return failure === null ? null : `\`rollout abort\`, for rollback.automatic is off: ${failure.message}`;
}

function beginStep(pass: Pass): void {
  const { record, now } = pass;
  const rollout = record.rollout!;
  const { steps } = migrationOf(pass, rollout.target).canary;
  const step = rollout.step + 1;
  const mirrorsAnew = steps[step]?.type === 'shadow' && (record.route?.shadow ?? null) === null;
  // What mirrored calls came to some steps before judges nothing any more.
  record.rollout = { ...rollout, step, stepStartedAt: now, shadow: mirrorsAnew ? null : rollout.shadow };
  tellStep(pass);
}

function tellStep(pass: Pass): void {
  const { record } = pass;
  const { strategy, step } = record.rollout!;
  const target = record.target!;
  const { steps } = migrationOf(pass, target.hash).canary;
  const words =
    strategy === 'canary'
      ? step >= steps.length
        ? 'All steps are done'
        : `Step ${step + 1} of ${steps.length}: ${stepWords(steps[step]!)}`
      : `${step} of ${wantedReplicas(pass, target)} instances have taken over`;
  say(pass, 'Normal', 'StepStarted', `${words} (${target.name}).`, { revision: target.name });
}

/** Phases that a Rollout enters only when its group lets it go on. */
const isBeyondGroup = new Set<RolloutPhase>(['Swapping', 'Replacing', 'Switching']);

function enterPhase(pass: Pass, phase: RolloutPhase): void {
  const { record, now } = pass;
  const rollout = record.rollout!;
  // Also for a Service that joins a group when it is that far already.
  const released = rollout.released || (pass.given.group.length > 0 && isBeyondGroup.has(phase));
  if (released !== rollout.released) record.rollout = { ...rollout, released };
  if (phase === rollout.phase) return;
  const revision = record.target!.name;
  record.rollout = { ...rollout, phase, phaseStartedAt: now, released };
  if (phase === 'Stepping' && rollout.phase === 'Proving') {
    record.rollout = { ...record.rollout, stepStartedAt: now };
    tellStep(pass);
  }
  if (phase === 'Previewing' && rollout.phase === 'Proving')
    say(pass, 'Normal', 'PreviewReady', `${revision} is on the preview route.`, { revision });
  if (phase === 'Gathering') say(pass, 'Normal', 'WaitsForGroup', `${revision} is ready and waits for its group.`, { revision });
  if (phase === 'Switching') {
    say(pass, 'Normal', 'TrafficSwitched', `All calls go to ${revision}.`, { revision });
  }
}

const standsStill = new Set<WaitsOn>(['time', 'data', 'person', 'group']);

/** Keeps what it waits for, and how long it has waited for what is not the target's doing. */
function rememberWait(pass: Pass, { waitsOn, waitsFor }: Step): void {
  const { record, now } = pass;
  const rollout = record.rollout!;
  const stands = standsStill.has(waitsOn);
  if (rollout.waitsOn !== waitsOn || rollout.waitsFor !== waitsFor) record.rollout = { ...record.rollout!, waitsOn, waitsFor };
  if (stands && rollout.waitingSince === null) record.rollout = { ...record.rollout!, waitingSince: now };
  if (!stands && rollout.waitingSince !== null) {
    const waitedMs = rollout.waitedMs + Math.max(0, now - rollout.waitingSince);
    record.rollout = { ...record.rollout!, waitingSince: null, waitedMs };
    forgiveWait(pass);
  }
}

function routeOf(pass: Pass, step: Step, standIns: readonly InstanceRecord[]): Route {
  const { number, stable, target } = pass.record.rollout!;
  const weights: Record<string, number> = {};
  if (step.weight < 100 && stable !== null) weights[stable] = 100 - step.weight;
  if (step.weight > 0) weights[target] = step.weight;
  return {
    weights: shareWithStandIns(pass, weights, standIns, step.stable),
    hold: step.hold,
    rollout: number,
    preview: step.preview ? target : null,
    shadow: step.shadow,
  };
}

/** Makes as many Instances of stable, target and what is kept serve as should, beside those that stand in for stable. */
function arrange(pass: Pass, step: Step, standIns: readonly InstanceRecord[]): void {
  const { record } = pass;
  const target = record.target!;
  const stable = step.stable > 0 ? record.stable : null;
  dropKeptInTime(pass);
  const kept = [target, stable, record.kept?.revision ?? null].flatMap((revision) => (revision === null ? [] : [revision.hash]));
  releaseOthers(pass, [...kept, ...standIns.map(({ revision }) => revision)], record.rollout!.direct === 'exclusive' ? 'drain' : 'retire');
  if (stable !== null) ensureInstances(pass, stable, step.stable);
  ensureKept(pass);
  ensureInstances(pass, target, step.target);
}

/** No Rollout: stable serves, with those that stand in for it; everything else leaves. */
function hold(pass: Pass): void {
  const { record } = pass;
  dropKeptInTime(pass);
  if (record.stable === null) {
    releaseOthers(pass, [], 'drain');
    setRoute(pass, restingRoute({}));
    return;
  }
  const { hash, run } = record.stable;
  const replicas = wantedReplicas(pass, record.stable);
  const standIns = keepStandIns(pass, replicas);
  setRoute(pass, restingRoute(shareWithStandIns(pass, { [hash]: 100 }, standIns, replicas)));
  const kept = record.kept === null ? [] : [record.kept.revision.hash];
  releaseOthers(pass, [hash, ...kept, ...standIns.map(({ revision }) => revision)], run.exclusive ? 'drain' : 'retire');
  ensureInstances(pass, record.stable, replicas);
  ensureKept(pass);
}

function restingRoute(weights: Route['weights']): Route {
  return { weights, hold: false, rollout: null, preview: null, shadow: null };
}

/** What was stable before goes on running for an instant return, until its time has passed. */
function ensureKept(pass: Pass): void {
  const { kept } = pass.record;
  if (kept !== null) ensureInstances(pass, kept.revision, serviceOf(pass.record, kept.revision.hash).replicas);
}

function dropKeptInTime(pass: Pass): void {
  const { kept } = pass.record;
  if (kept === null) return;
  if (pass.now >= kept.until) dropKept(pass, 'retire');
  else wake(pass, kept.until);
}

function dropKept(pass: Pass, duty: Duty): void {
  const { record } = pass;
  const { revision } = record.kept!;
  record.kept = null;
  leave(pass, revision, duty, pass.now);
}

/** Sets the Route, keeping the object when nothing in it differs. */
export function setRoute({ record }: Pass, route: Route | null): void {
  if (isSame(record.route, route)) return;
  record.route = route;
  record.routePlan = record.planGeneration + 1;
}

function isSame(a: Route | null, b: Route | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.hold !== b.hold || a.rollout !== b.rollout || a.preview !== b.preview) return false;
  const revisions = Object.keys(b.weights);
  if (Object.keys(a.weights).length !== revisions.length) return false;
  return revisions.every((revision) => a.weights[revision] === b.weights[revision]) && isSameShadow(a.shadow, b.shadow);
}

function isSameShadow(a: Shadow | null, b: Shadow | null): boolean {
  if (a === null || b === null) return a === b;
  return a.revision === b.revision && a.percent === b.percent && a.tools.join(' ') === b.tools.join(' ');
}
