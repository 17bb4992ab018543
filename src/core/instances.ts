/**
 * The Instances a Service should have: creating, moving through their duties (serve → retire → drain → gone), and
 * taking in what was observed of each.
 */
import type { CheckResult, Observation, ObservedInstance } from '../model/observation.ts';
import type { Duty } from '../model/plan.ts';
import type { InstanceRecord } from '../model/record.ts';
import type { Revision } from '../model/revision.ts';
import type { Health } from '../model/service.ts';
import { observed, revisionName, say, serviceOf, wake, type Pass } from './pass.ts';
import { mustWait, recordFailure, restartOf } from './restart.ts';

/** Errors (the check itself broke or ran out of time) in a row that count as a failure. */
const errorsThatCount = 4;
/** A drain waits for calls this much longer than their own time-out. */
const drainGraceMs = 1_000;

/** Checks that an Instance must pass before it is proven. Performance needs traffic, so it cannot be asked for beforehand. */
export function isStartCheck(result: { readonly type: CheckResult['type'] }): boolean {
  return result.type !== 'performance';
}

export function isDown(result: CheckResult, health: Health): boolean {
  return result.failsInARow >= health.failureThreshold || result.errorsInARow >= errorsThatCount;
}

function isProven(seen: ObservedInstance, health: Health): boolean {
  if (seen.phase !== 'connected') return false;
  return health.checks.filter(isStartCheck).every((check) => {
    const result = seen.checks.find(({ name }) => name === check.name);
    return result !== undefined && result.outcome === 'pass' && result.passesInARow >= health.successThreshold;
  });
}

/** A check that ends the Instance: any but a dependency before it is proven and while nobody has promoted it, later only a basic one (it stopped answering). */
function fatalCheck({ record }: Pass, instance: InstanceRecord, seen: ObservedInstance, health: Health): CheckResult | undefined {
  const promoted = [record.stable?.hash, record.kept?.revision.hash];
  const onProbation = instance.provenAt === null || !promoted.includes(instance.revision);
  return seen.checks.find((result) => isDown(result, health) && (result.type === 'basic' || (onProbation && result.type === 'functional')));
}

/** Takes in what the Host saw: another life of the Host, Instances that ended, went down or proved themselves. */
export function takeObservation(pass: Pass): void {
  const { record, observation, now } = pass;
  if (observation === null) return;
  if (observation.hostId !== record.hostId) {
    if (record.instances.some(({ provenAt }) => provenAt !== null)) {
      say(pass, 'Warning', 'HostRestarted', 'The host process is a new one; every instance starts again.');
    }
    record.instances = record.instances
      .filter((instance) => instance.duty === 'serve' || mayBeStarted(instance, observation))
      .map((instance) => ({ ...instance, provenAt: null, dutySeenAt: null }));
    record.hostId = observation.hostId;
  }
  for (const instance of record.instances) {
    const seen = observed(pass, instance.id);
    if (seen === undefined) continue;
    if (seen.phase === 'ended') {
      endInstance(pass, instance, seen.end?.code ?? 'Exited', seen.end === null ? 'ended' : describeEnd(seen.end));
      continue;
    }
    const { health } = serviceOf(record, instance.revision);
    const fatal = instance.duty === 'serve' && seen.phase === 'connected' ? fatalCheck(pass, instance, seen, health) : undefined;
    if (fatal !== undefined) {
      endInstance(pass, instance, 'CheckFailed', `check ${fatal.name}: ${fatal.message}`);
    } else if (instance.provenAt === null && isProven(seen, health)) {
      replace(pass, instance, { ...instance, provenAt: now });
      say(pass, 'Normal', 'InstanceReady', `${instance.id} answers and passes its checks.`, {
        revision: revisionName(pass.record, instance.revision),
      });
    }
  }
}

/** What was leaving is gone with the host before, but for what the new one starts from a Plan that still has it serve: such a Plan was taken, or may be on its way to it. */
function mayBeStarted({ id, dutyPlan, dutySeenAt }: InstanceRecord, { instances, planGeneration }: Observation): boolean {
  return instances.some((seen) => seen.id === id) || (dutySeenAt === null && planGeneration < dutyPlan);
}

function describeEnd(end: NonNullable<ObservedInstance['end']>): string {
  const tail = end.stderrTail.trim();
  return tail === '' ? end.message : `${end.message}\n${tail}`;
}

/** An Instance is over. One that was to serve counts as a failure of its Revision; one that was leaving anyway does not. */
function endInstance(pass: Pass, instance: InstanceRecord, code: string, message: string): void {
  const { record, now } = pass;
  record.instances = record.instances.filter((other) => other !== instance);
  const revision = revisionName(pass.record, instance.revision);
  if (instance.duty !== 'serve') {
    say(pass, 'Normal', 'InstanceStopped', `${instance.id} is gone.`, { revision });
    return;
  }
  const last = { code, message, at: now };
  const restart = recordFailure(pass, instance, last);
  say(pass, 'Warning', 'InstanceFailed', `${instance.id}: ${code}: ${message} (failure ${restart.failuresInARow} in a row)`, { revision });
  const { rollout } = record;
  if (rollout !== null && rollout.target === instance.revision)
    record.rollout = { ...rollout, failures: rollout.failures + 1, lastFailure: last };
}

/**
 * Makes `count` Instances of a Revision serve: creates those that are missing, not in back-off and able to live beside
 * what may still be alive, and lets those over the count retire.
 */
export function ensureInstances(pass: Pass, revision: Revision, count: number): void {
  const { record, now } = pass;
  for (const instance of serving(pass, revision.hash)) if (instance.ordinal >= count) setDuty(pass, instance, 'retire');
  for (let ordinal = 0; ordinal < count; ordinal++) {
    if (serving(pass, revision.hash).some((instance) => instance.ordinal === ordinal)) continue;
    const restart = restartOf(pass, revision.hash, ordinal);
    if (restart !== undefined && mustWait(restart, now)) {
      wake(pass, restart.notBefore);
      continue;
    }
    if (!mayLiveBeside(pass, revision)) continue;
    const incarnation = record.nextIncarnation;
    const id = `${record.service}-${revision.hash.slice(0, 8)}-${ordinal}-${incarnation}`;
    record.nextIncarnation = incarnation + 1;
    const dutyPlan = record.planGeneration + 1;
    record.instances = [
      ...record.instances,
      {
        id,
        revision: revision.hash,
        ordinal,
        incarnation,
        duty: 'serve',
        createdAt: now,
        dutySince: now,
        dutyPlan,
        dutySeenAt: null,
        provenAt: null,
      },
    ];
    say(pass, 'Normal', 'InstanceStarted', `${id} is being started.`, { revision: revision.name });
  }
}

/** An exclusive Revision lives alone; any other beside everything that is not exclusive. */
function mayLiveBeside(pass: Pass, revision: Revision): boolean {
  if (revision.run.exclusive) return nothingAlive(pass);
  const { stable, target, leaving } = pass.record;
  return [stable, target, ...leaving].every(
    (other) => other === null || !other.run.exclusive || other.hash === revision.hash || !mayBeAlive(pass, other.hash),
  );
}

/** Whether no Instance of the Service is planned, and the Host says of the Plan in force that none is alive. */
export function nothingAlive(pass: Pass): boolean {
  return !mayBeAlive(pass, null);
}

/** Whether an Instance of a Revision (null: of any) is planned, seen alive, or not known to be gone: the Host has not said so of the newest Plan. */
export function mayBeAlive({ before, record, observation }: Pass, hash: string | null): boolean {
  const isOfIt = ({ revision }: { readonly revision: string }): boolean => hash === null || revision === hash;
  if (record.instances.some(isOfIt)) return true;
  if (observation === null || (before !== null && observation.planGeneration < before.planGeneration)) return true;
  return observation.instances.some((instance) => instance.phase !== 'ended' && isOfIt(instance));
}

export function serving({ record }: Pass, revision: string): InstanceRecord[] {
  return record.instances.filter((instance) => instance.revision === revision && instance.duty === 'serve');
}

/** Those that new sessions come to, as far as is known: also what was just sent away, until the Host is seen to follow the Plan that says so. */
export function reachable({ record }: Pass, revision: string): InstanceRecord[] {
  const isReachable = ({ duty, dutySeenAt }: InstanceRecord): boolean => duty === 'serve' || (duty === 'retire' && dutySeenAt === null);
  return record.instances.filter((instance) => instance.revision === revision && isReachable(instance));
}

export function provenCount(pass: Pass, revision: string): number {
  let count = 0;
  for (const instance of pass.record.instances) if (isProvenOf(instance, revision)) count += 1;
  return count;
}

/** Proven Instances that serve what stable should: its own, those that have taken over from them in a rolling Rollout, and those that stand in for it. */
export function readyCount(pass: Pass): number {
  const { stable, rollout } = pass.record;
  const own = stable === null ? 0 : provenCount(pass, stable.hash);
  const takesOver = rollout?.strategy === 'rolling' && rollout.direct === null;
  const standIns = leftOf(pass).reduce((sum, { hash }) => sum + provenCount(pass, hash), 0);
  return own + standIns + (takesOver ? Math.min(rollout.step, provenCount(pass, rollout.target)) : 0);
}

/** Revisions that leave and are nothing else any more: what serves of them stands in for stable. */
export function leftOf({ record }: Pass): Revision[] {
  const others = [record.stable, record.target, record.kept?.revision ?? null];
  return record.leaving.filter(({ hash }) => !others.some((revision) => revision?.hash === hash));
}

export function provenOrdinals(pass: Pass, revision: string): number[] {
  return pass.record.instances.filter((instance) => isProvenOf(instance, revision)).map(({ ordinal }) => ordinal);
}

function isProvenOf({ revision, duty, provenAt }: InstanceRecord, wanted: string): boolean {
  return revision === wanted && duty === 'serve' && provenAt !== null;
}

/** Those that failed and may not be started again yet. */
export function failingOrdinals(pass: Pass, revision: string): number[] {
  const there = serving(pass, revision).map(({ ordinal }) => ordinal);
  const waiting = pass.record.restarts.filter((restart) => restart.revision === revision && mustWait(restart, pass.now));
  return waiting.flatMap(({ ordinal }) => (there.includes(ordinal) ? [] : [ordinal]));
}

/** Sends away what serves of one Revision; what has retired since `since` is drained too where it comes to that. */
export function releaseRevision(pass: Pass, revision: string, duty: 'retire' | 'drain', since: number): void {
  for (const instance of pass.record.instances) {
    const further = instance.duty === 'serve' || (instance.duty === 'retire' && duty === 'drain' && instance.dutySince >= since);
    if (instance.revision === revision && further) setDuty(pass, instance, duty);
  }
}

/** Sends away every serving Instance of Revisions other than those named. */
export function releaseOthers(pass: Pass, kept: readonly string[], duty: 'retire' | 'drain'): void {
  for (const instance of pass.record.instances) {
    if (instance.duty === 'serve' && !kept.includes(instance.revision)) setDuty(pass, instance, duty);
  }
}

/** Nothing may be called any more: whatever retires is drained too. */
export function drainAll(pass: Pass): void {
  for (const instance of pass.record.instances) if (instance.duty !== 'drain') setDuty(pass, instance, 'drain');
}

export function setDuty(pass: Pass, instance: InstanceRecord, duty: Duty): void {
  replace(pass, instance, { ...instance, duty, dutySince: pass.now, dutyPlan: pass.record.planGeneration + 1, dutySeenAt: null });
}

/**
 * Lets leaving Instances go on their way: retire ends when no session is bound to it any more or drainTimeout passed,
 * drain when the last call has been answered or could no longer be. Nothing of it counts before the Host has been seen
 * to follow a Plan that says the duty: until then new sessions and calls still come in.
 */
export function advanceDrains(pass: Pass): void {
  const { record, observation, now } = pass;
  if (observation === null) return;
  for (const leaving of record.instances) {
    if (leaving.duty === 'serve' || observation.routeGeneration < leaving.dutyPlan) continue;
    const seenAt = leaving.dutySeenAt ?? now;
    const instance = leaving.dutySeenAt === null ? replace(pass, leaving, { ...leaving, dutySeenAt: seenAt }) : leaving;
    const { limits } = serviceOf(record, instance.revision);
    const seen = observed(pass, instance.id);
    const longestMs = instance.duty === 'retire' ? limits.drainTimeoutMs : limits.callTimeoutMs + drainGraceMs;
    const deadlineAt = seenAt + longestMs;
    const idle = seen === undefined || (instance.duty === 'retire' ? seen.sessions === 0 : seen.inFlight === 0);
    if (!idle && now < deadlineAt) wake(pass, deadlineAt);
    else if (instance.duty === 'retire') setDuty(pass, instance, 'drain');
    else remove(pass, instance);
  }
}

function remove(pass: Pass, instance: InstanceRecord): void {
  pass.record.instances = pass.record.instances.filter((other) => other !== instance);
  say(pass, 'Normal', 'InstanceStopped', `${instance.id} has been drained and is being stopped.`, {
    revision: revisionName(pass.record, instance.revision),
  });
}

function replace({ record }: Pass, instance: InstanceRecord, next: InstanceRecord): InstanceRecord {
  record.instances = record.instances.map((other) => (other === instance ? next : other));
  return next;
}
