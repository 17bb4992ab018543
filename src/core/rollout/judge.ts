/** Whether a Rollout has failed: looked at before gates and pauses, at every pass. */
import { formatDuration } from '../../base/duration.ts';
import { differenceText } from '../contract/compare.ts';
import { groupRejected } from '../group.ts';
import { isDown } from '../instances.ts';
import { fallsBack, migrationOf, serviceOf, wake, type Pass } from '../pass.ts';
import { gateFailure } from './gate.ts';
import { lockFailure, notLocked } from './locked.ts';
import { routeInForce } from './standing.ts';
import { reject } from './verdict.ts';

/** Failed starts of target Instances in one Rollout that end it. */
const failuresThatEnd = 3;
/** Trying again at once would change nothing: one is enough. */
const certainFailures = new Set(['CommandNotFound', 'HandshakeTimeout', 'CheckFailed']);

/** A deadline that is found so long past was missed because nobody looked: no controller ran, or the clock was set forward. */
const absenceMs = 60_000;

export interface RolloutFailure {
  readonly reason: string;
  readonly message: string;
  /** Hash of the Contract that it has failed for, where that is why. */
  readonly contract?: string;
}

/** Ends a Rollout that has failed. The first deployment has nothing to go back to: it is tried again in back-off. */
export function judge(pass: Pass): void {
  if (!mayBeTakenBack(pass)) return;
  forgiveAbsence(pass);
  const failure = failureOf(pass);
  if (failure !== null) reject(pass, failure.reason, failure.message, failure.contract);
}

function mayBeTakenBack(pass: Pass): boolean {
  const { stable, target } = pass.record.rollout!;
  return stable !== null && migrationOf(pass, target).rollback.automatic;
}

/** Why the Rollout under way has failed; null when it has not. */
export function failureOf(pass: Pass): RolloutFailure | null {
  return startFailure(pass) ?? lastingFailureOf(pass) ?? deadlineFailure(pass);
}

/** What no other start of its Instances would change: where it may not be taken back, the Rollout stands still for it. */
export function lastingFailureOf(pass: Pass): RolloutFailure | null {
  const unlocked = unlockedFailure(pass);
  if (unlocked !== null) return unlocked;
  const finding = gateFailure(pass) ?? previewFailure(pass) ?? analysisFailure(pass) ?? shadowFailure(pass) ?? groupFailure(pass);
  return finding === null ? null : { reason: finding[0], message: finding[1] };
}

type Finding = readonly [reason: string, message: string] | null;

/** Told once it has been compared with what stable offers, where that is known: people want to know what they would approve. */
function unlockedFailure(pass: Pass): RolloutFailure | null {
  const { record } = pass;
  const { direct, contract: compared } = record.rollout!;
  const unlocked = lockFailure(pass);
  if (unlocked === null || (direct === null && record.stableContract !== null && compared === null)) return null;
  const [first] = compared?.differences ?? [];
  const difference = first === undefined ? '' : ` (${differenceText(first)})`;
  const next = `If that is meant, approve it with \`fairlead lock ${record.service} --target\``;
  return { reason: notLocked, message: `${unlocked.message}${difference}. ${next}`, contract: unlocked.contract };
}

function startFailure({ record }: Pass): RolloutFailure | null {
  const { failures, lastFailure } = record.rollout!;
  if (lastFailure === null || (failures < failuresThatEnd && !certainFailures.has(lastFailure.code))) return null;
  return { reason: lastFailure.code, message: `${lastFailure.code}: ${lastFailure.message}` };
}

function previewFailure(pass: Pass): Finding {
  const { record, observation } = pass;
  const { phase, target, direct } = record.rollout!;
  if (phase === 'Switching' || direct !== null || observation?.preview?.revision !== target) return null;
  if (routeInForce(pass)?.preview !== target) return null;
  const { health, migration } = serviceOf(record, target);
  const down = observation.preview.checks.find(
    (result) => migration.blueGreen.prePromotion.includes(result.name) && isDown(result, health),
  );
  return down === undefined ? null : ['PreviewCheckFailed', `check ${down.name} through the preview route: ${down.message}`];
}

function analysisFailure(pass: Pass): Finding {
  const { analysis, target } = pass.record.rollout!;
  if (analysis === null || analysis.failures <= migrationOf(pass, target).canary.analysis.failureLimit) return null;
  const judgements = analysis.measurements.find(({ outcome }) => outcome === 'fail')?.judgements ?? [];
  const failed = judgements.filter(({ outcome }) => outcome === 'fail');
  return ['AnalysisFailed', failed.map(({ check, message }) => `${check}: ${message}`).join('; ')];
}

/** Differences between answers are only listed unless the step says how many may differ. */
function shadowFailure(pass: Pass): Finding {
  const { shadow, step, stepStartedAt, target, strategy, direct } = pass.record.rollout!;
  const { steps, analysis } = migrationOf(pass, target).canary;
  const at = strategy === 'canary' && direct === null ? steps[step] : undefined;
  if (shadow === null || at?.type !== 'shadow' || at.maxDifferent === null || pass.now <= stepStartedAt) return null;
  const compared = shadow.same + shadow.different;
  if (compared < analysis.minCalls || shadow.different <= at.maxDifferent * compared) return null;
  return ['ShadowDiffers', `${shadow.different} of ${compared} mirrored calls were answered otherwise than by stable`];
}

function groupFailure(pass: Pass): Finding {
  if (fallsBack(pass)) return null;
  const rejected = pass.given.group.find(({ stands: how }) => how === 'rejected');
  return rejected === undefined ? null : [groupRejected, `${rejected.service}, which is released together with it, was taken back`];
}

/** When the deadline passes; null while the Rollout waits for what is not the target's doing. */
function deadlineAt(pass: Pass): number | null {
  const { startedAt, waitedMs, waitingSince, target } = pass.record.rollout!;
  return waitingSince === null ? startedAt + waitedMs + migrationOf(pass, target).progressDeadlineMs : null;
}

/** Time in which nobody looked is not the target's: it gets as long again to show how it stands. */
function forgiveAbsence(pass: Pass): void {
  const { record, now } = pass;
  const at = deadlineAt(pass);
  if (at === null || now - at < absenceMs) return;
  record.rollout = { ...record.rollout!, waitedMs: record.rollout!.waitedMs + now - at + absenceMs };
}

/** A wait is over and the deadline past: a nearer one has been declared meanwhile, or the clock was set. It gets as long as after an absence. */
export function forgiveWait(pass: Pass): void {
  const { record, now } = pass;
  const at = mayBeTakenBack(pass) ? deadlineAt(pass) : null;
  if (at !== null && at <= now) record.rollout = { ...record.rollout!, waitedMs: record.rollout!.waitedMs + now - at + absenceMs };
}

function deadlineFailure(pass: Pass): RolloutFailure | null {
  const at = deadlineAt(pass);
  if (at === null || pass.now < at) return null;
  const { target, lastFailure, waitsFor } = pass.record.rollout!;
  const within = formatDuration(migrationOf(pass, target).progressDeadlineMs);
  const last = lastFailure === null ? '' : `; last: ${lastFailure.code}: ${lastFailure.message}`;
  const missing = waitsFor === '' ? '' : `, it waited for ${waitsFor}`;
  return { reason: 'ProgressDeadlineExceeded', message: `not done within ${within}${missing}${last}` };
}

export function wakeAtDeadline(pass: Pass): void {
  const at = deadlineAt(pass);
  if (at !== null && pass.record.rollout!.stable !== null) wake(pass, at);
}
