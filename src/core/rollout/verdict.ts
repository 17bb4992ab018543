/**
 * How a Rollout ends: once, with one Verdict. Promotion alone makes a Revision stable; what was taken back or aborted
 * is remembered by its hash, and its Instances get no call any more but where they have to stand in for stable's.
 */
import type { Duty } from '../../model/plan.ts';
import type { Promotion } from '../../model/record.ts';
import type { Revision } from '../../model/revision.ts';
import type { RolloutResult, Verdict } from '../../model/rollout.ts';
import { judgeContract } from '../drift.ts';
import { releaseRevision } from '../instances.ts';
import { standsIn } from './stand-in.ts';
import { contractOf, migrationOf, rejectionOf, say, serviceOf, type Pass } from '../pass.ts';

const verdictsKept = 20;
const rejectionsKept = 20;

/** `contract`: hash of the Contract that it is taken back for, where that is why. */
export function reject(pass: Pass, reason: string, message: string, contract?: string): void {
  const { record } = pass;
  remember(pass, record.target!, reason, message, record.rollout!.snapshot, contract);
  end(pass, 'RolledBack', reason, `${record.target!.name} was taken back: ${message}`);
}

/** The Revision is not tried again until the manifest says another or somebody says `rollout retry`. */
export function remember(pass: Pass, { hash, name }: Revision, reason: string, message: string, snapshot: string, contract?: string): void {
  const { record, now } = pass;
  const rejection = { revision: hash, name, reason, message, at: now, snapshot, ...(contract === undefined ? {} : { contract }) };
  record.rejections = [rejection, ...record.rejections.filter(({ revision }) => revision !== hash)].slice(0, rejectionsKept);
}

export function abort(pass: Pass, actor: `uid:${number}`): void {
  const { record } = pass;
  const message = `${actor} aborted it.`;
  remember(pass, record.target!, 'Aborted', message, record.rollout!.snapshot);
  end(pass, 'Aborted', 'Aborted', message);
}

/** The target becomes stable. What was stable leaves, or stays up for an instant return. */
export function promote(pass: Pass): void {
  const { record, now } = pass;
  const target = record.target!;
  const before = record.stable;
  const { rollout } = record;
  const { strategy, blueGreen, rollback } = migrationOf(pass, target.hash);
  const service = serviceOf(record, target.hash);
  const contract = contractOf(pass, target.hash);
  const promotion: Promotion = { revision: target, service, contract, at: now, together: togetherOf(pass) };
  const earlier = record.promoted.filter(({ revision }) => revision.hash !== target.hash && rejectionOf(pass, revision.hash) === undefined);
  record.promoted = [promotion, ...earlier].slice(0, Math.max(1, rollback.window) + 1);
  end(pass, 'Promoted', 'TargetServes', `${target.name} serves all calls.`);
  record.stable = target;
  record.stableService = service;
  record.stableContract = contract;
  record.drift = null;
  record.quarantine = [];
  judgeContract(pass);
  if (before === null) return;
  if (record.kept !== null) leave(pass, record.kept.revision, 'retire', now);
  record.kept = null;
  const wellBefore = rejectionOf(pass, before.hash) === undefined;
  const keeps = strategy === 'blue-green' && rollout!.direct !== 'exclusive' && blueGreen.keepOldForMs > 0 && wellBefore;
  if (keeps) record.kept = { revision: before, until: now + blueGreen.keepOldForMs };
  else leave(pass, before, rollout!.direct === 'exclusive' ? 'drain' : 'retire', now);
}

/** The members of the group that move in this release, by the snapshots that say so. */
function togetherOf({ given }: Pass): Promotion['together'] {
  const moved = given.group.filter(({ stands }) => stands === 'ready' || stands === 'going');
  return moved.length === 0 ? null : Object.fromEntries(moved.map(({ service, snapshot }) => [service, snapshot]));
}

/** Ends the Rollout under way, whose target is not promoted unless the result says so. */
export function end(pass: Pass, result: RolloutResult, reason: string, message: string): void {
  const { record, now } = pass;
  const rollout = record.rollout!;
  const target = record.target!;
  const verdict: Verdict = {
    number: rollout.number,
    strategy: rollout.strategy,
    direct: rollout.direct,
    result,
    reason,
    message,
    stable: record.stable?.name ?? null,
    target: target.name,
    startedAt: rollout.startedAt,
    endedAt: now,
    weight: result === 'Promoted' ? 100 : rollout.topWeight,
    contract: rollout.contract,
    measurement: rollout.analysis?.measurements[0] ?? null,
    shadow: rollout.shadow,
    snapshot: rollout.snapshot,
  };
  record.verdicts = [verdict, ...record.verdicts].slice(0, verdictsKept);
  say(pass, result === 'RolledBack' ? 'Warning' : 'Normal', `Rollout${result}`, `Rollout ${rollout.number} of ${target.name}: ${message}`, {
    revision: target.name,
  });
  const tookOver = standsIn(pass, result);
  record.rollout = null;
  record.target = null;
  // What was superseded did nothing wrong, and the sessions of what got no call in this Rollout are from before (it was stable
  // then): they may go on for a while. What had calls and was taken back gets none any more.
  const mayGoOn = (result === 'Superseded' || rollout.topWeight === 0) && !target.run.exclusive;
  const duty = tookOver ? 'serve' : mayGoOn ? 'retire' : 'drain';
  if (result !== 'Promoted') leave(pass, target, duty, rollout.startedAt);
}

/** A Revision leaves, and its Instances get that duty. `since`: what retired before that instant keeps the time that it was promised. */
export function leave(pass: Pass, revision: Revision, duty: Duty, since: number): void {
  const { record } = pass;
  record.leaving = [...record.leaving.filter(({ hash }) => hash !== revision.hash), revision];
  if (duty !== 'serve') releaseRevision(pass, revision.hash, duty, since);
}
