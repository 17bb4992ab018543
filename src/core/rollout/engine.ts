/**
 * Rollouts of every strategy: beginning, superseding, judging, carrying out a strategy's Step, ending with a Verdict.
 * Invariants: at most one Rollout a Service; stable becomes a Revision only by promotion; a superseded or ended
 * Rollout changes nothing any more; failure is looked at before anything else.
 */
import { formatDuration } from '../../base/duration.ts';
import type { Route } from '../../model/plan.ts';
import type { Revision } from '../../model/revision.ts';
import type { RolloutResult, Verdict } from '../../model/rollout.ts';
import { ensureInstances, releaseOthers, serving } from '../instances.ts';
import { dependenciesReady, rejectionOf, say, wake, wantedReplicas, wantedRevision, type Pass } from '../pass.ts';
import { strategies } from './strategies.ts';
import type { Standing } from './strategy.ts';

/** Failed starts of target Instances in one Rollout that end it. */
const failuresThatEnd = 3;
/** Trying again at once would change nothing: one is enough. */
const certainFailures = new Set(['CommandNotFound', 'HandshakeTimeout', 'CheckFailed']);
const verdictsKept = 20;
const rejectionsKept = 20;

/** Brings the Rollout of a Service that should be running one pass further, or ends or begins one. */
export function advanceRollout(pass: Pass): void {
  const { record } = pass;
  const wanted = wantedRevision(pass);
  if (record.rollout !== null && record.rollout.target !== wanted.hash) supersede(pass, wanted);
  if (record.rollout === null && mayBegin(pass, wanted)) begin(pass, wanted);
  if (record.rollout !== null) judge(pass);
  if (record.rollout === null) hold(pass);
  else carryOut(pass);
}

function mayBegin(pass: Pass, wanted: Revision): boolean {
  return wanted.hash !== pass.record.stable?.hash && rejectionOf(pass, wanted.hash) === undefined && dependenciesReady(pass);
}

function begin(pass: Pass, target: Revision): void {
  const { record, now } = pass;
  const number = record.rolloutCount + 1;
  record.rolloutCount = number;
  record.target = target;
  record.rollout = {
    number,
    strategy: record.desired!.migration.strategy,
    stable: record.stable?.hash ?? null,
    target: target.hash,
    phase: isExclusive(record.stable, target) ? 'Swapping' : 'Proving',
    startedAt: now,
    phaseStartedAt: now,
    failures: 0,
    lastFailure: null,
    snapshot: record.observedSnapshot,
  };
  const from = record.stable === null ? 'first deployment' : `from ${record.stable.name}`;
  say(pass, 'Normal', 'RolloutStarted', `Rollout ${number} to ${target.name} (${from}, ${record.rollout.strategy}).`, {
    revision: target.name,
  });
}

function supersede(pass: Pass, wanted: Revision): void {
  const { record } = pass;
  const returns = wanted.hash === record.stable?.hash;
  const message = returns ? `The manifest returned to stable ${wanted.name}.` : `The manifest moved on to ${wanted.name}.`;
  end(pass, 'Superseded', returns ? 'ReturnedToStable' : 'NewerRevision', message);
}

/** Ends a Rollout that has failed. The first deployment has nothing to go back to: it is tried again in back-off. */
function judge(pass: Pass): void {
  const { record, now } = pass;
  const rollout = record.rollout!;
  if (rollout.stable === null || !record.desired!.migration.rollback.automatic) return;
  const failure = rollout.lastFailure;
  if (failure !== null && (certainFailures.has(failure.code) || rollout.failures >= failuresThatEnd)) {
    reject(pass, failure.code, `${failure.code}: ${failure.message}`);
    return;
  }
  const deadlineMs = record.desired!.migration.progressDeadlineMs;
  if (now - rollout.startedAt < deadlineMs) wake(pass, rollout.startedAt + deadlineMs);
  else
    reject(
      pass,
      'ProgressDeadlineExceeded',
      `not ready within ${formatDuration(deadlineMs)}${failure === null ? '' : `; last: ${failure.code}: ${failure.message}`}`,
    );
}

function reject(pass: Pass, reason: string, message: string): void {
  const { record } = pass;
  remember(pass, reason, message);
  end(pass, 'RolledBack', reason, `${record.target!.name} was taken back: ${message}`);
}

/** The Revision is not tried again until the manifest says another or somebody says `rollout retry`. */
function remember(pass: Pass, reason: string, message: string): void {
  const { record, now } = pass;
  const target = record.target!;
  const rejection = { revision: target.hash, name: target.name, reason, message, at: now, snapshot: record.rollout!.snapshot };
  record.rejections = [rejection, ...record.rejections.filter(({ revision }) => revision !== target.hash)].slice(0, rejectionsKept);
}

export function abort(pass: Pass, actor: `uid:${number}`): void {
  const message = `${actor} aborted it.`;
  remember(pass, 'Aborted', message);
  end(pass, 'Aborted', 'Aborted', message);
}

/** The Service is to stop: the Rollout under way ends without a judgement of its target. */
export function endForStop(pass: Pass): void {
  if (pass.record.rollout !== null) end(pass, 'Superseded', 'Stopped', 'The service was told to stop.');
}

function end(pass: Pass, result: RolloutResult, reason: string, message: string): void {
  const { record, now } = pass;
  const rollout = record.rollout!;
  const target = record.target!;
  const verdict: Verdict = {
    number: rollout.number,
    result,
    reason,
    message,
    stable: record.stable?.name ?? null,
    target: target.name,
    startedAt: rollout.startedAt,
    endedAt: now,
    snapshot: rollout.snapshot,
  };
  record.verdicts = [verdict, ...record.verdicts].slice(0, verdictsKept);
  say(pass, result === 'RolledBack' ? 'Warning' : 'Normal', `Rollout${result}`, `Rollout ${rollout.number} of ${target.name}: ${message}`, {
    revision: target.name,
  });
  if (result === 'Promoted') {
    const kept = record.desired!.migration.rollback.window + 1;
    if (record.stable !== null) leave(pass, record.stable);
    record.stable = target;
    record.stableService = record.desired;
    record.promoted = [target, ...record.promoted.filter(({ hash }) => hash !== target.hash)].slice(0, kept);
  } else {
    leave(pass, target);
  }
  record.rollout = null;
  record.target = null;
}

function leave({ record }: Pass, revision: Revision): void {
  record.leaving = [...record.leaving.filter(({ hash }) => hash !== revision.hash), revision];
}

function carryOut(pass: Pass): void {
  const { record, now } = pass;
  const target = record.target!;
  const standing = standingOf(pass);
  const step = strategies[standing.rollout.strategy](standing);
  if (step.promote) {
    end(pass, 'Promoted', 'TargetServes', `${target.name} serves all calls.`);
    hold(pass, 'retire');
    return;
  }
  if (step.phase !== standing.rollout.phase) {
    record.rollout = { ...standing.rollout, phase: step.phase, phaseStartedAt: now };
    if (step.phase === 'Switching') say(pass, 'Normal', 'TrafficSwitched', `All calls go to ${target.name}.`, { revision: target.name });
  }
  setRoute(pass, step.route);
  const kept = step.stable > 0 && record.stable !== null ? [target.hash, record.stable.hash] : [target.hash];
  releaseOthers(pass, kept, 'drain');
  if (record.stable !== null && step.stable > 0) ensureInstances(pass, record.stable, step.stable);
  ensureInstances(pass, target, step.target);
}

function standingOf(pass: Pass): Standing {
  const { record, before, observation } = pass;
  const rollout = record.rollout!;
  const target = record.target!;
  const replicas = wantedReplicas(pass, target);
  return {
    rollout,
    replicas,
    stableReplicas: record.stable === null ? 0 : wantedReplicas(pass, record.stable),
    exclusive: isExclusive(record.stable, target),
    targetProven: serving(pass, target.hash).filter(({ ordinal, provenAt }) => ordinal < replicas && provenAt !== null).length,
    routeConfirmed:
      before?.route?.weights[target.hash] === 100 &&
      !before.route.hold &&
      observation !== null &&
      observation.routeGeneration >= before.planGeneration,
  };
}

/** No Rollout: stable serves, everything else leaves. */
function hold(pass: Pass, others: 'retire' | 'drain' = 'drain'): void {
  const { record } = pass;
  if (record.stable === null) {
    releaseOthers(pass, [], 'drain');
    setRoute(pass, { weights: {}, hold: false });
    return;
  }
  setRoute(pass, { weights: { [record.stable.hash]: 100 }, hold: false });
  releaseOthers(pass, [record.stable.hash], record.stable.run.exclusive ? 'drain' : others);
  ensureInstances(pass, record.stable, wantedReplicas(pass, record.stable));
}

function isExclusive(stable: Revision | null, target: Revision): boolean {
  return target.run.exclusive || stable?.run.exclusive === true;
}

/** Sets the Route, keeping the object when nothing in it differs. */
export function setRoute({ record }: Pass, route: Route | null): void {
  const { route: before } = record;
  const same =
    before === route ||
    (before !== null &&
      route !== null &&
      before.hold === route.hold &&
      Object.keys(before.weights).length === Object.keys(route.weights).length &&
      Object.entries(route.weights).every(([revision, weight]) => before.weights[revision] === weight));
  if (!same) record.route = route;
}
