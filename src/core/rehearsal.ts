/**
 * What the heart would do about a Service from here on, if everything went well: `decide` itself, over and over, with an
 * imagined Host that obeys at once and whose Instances all prove themselves. Nothing is stored and nothing is sent. Pure.
 */
import type { Decide } from './decide.ts';
import type { Desired } from '../model/desired.ts';
import type { Observation, ObservedInstance } from '../model/observation.ts';
import type { Plan, PlannedInstance } from '../model/plan.ts';
import type { ServiceRecord } from '../model/record.ts';
import { courseOf } from './course.ts';

/** More passes than any Rollout takes; what goes on for longer is cut off here. */
const mostPasses = 60;

/**
 * The steps, in order, in the imperative: `stop-instance files-7f3a9c21-0-1`, `close-route`. Where a Rollout begins they are its
 * course in words, for it has waits in it that nobody could rehearse: time, traffic, people.
 */
export function rehearse(
  decide: Decide,
  desired: Desired,
  record: ServiceRecord | null,
  observation: Observation | null,
  now: number,
): readonly string[] {
  const steps: string[] = [];
  const rollouts = record?.rolloutCount ?? 0;
  const host = new ImaginedHost(desired.service, observation);
  let plan = record === null ? null : decide({ ...desired, declaration: { kind: 'unknown', reason: '' } }, record, observation, now).plan;
  for (let passes = 0; passes < mostPasses; passes += 1) {
    const decision = decide(desired, record, host.observation, now);
    steps.push(...stepsBetween(plan, decision.plan));
    if (decision.archive) return [...steps, 'archive-service'];
    const settled = decision.record === record && !host.obey(decision.plan, now);
    if (decision.record !== null && decision.record.rolloutCount > rollouts && decision.record.rollout !== null)
      return courseOf(decision.record.desired!, decision.record.rollout, decision.record.stable);
    record = decision.record;
    plan = decision.plan;
    desired = { ...desired, commands: [] };
    if (!settled) continue;
    if (decision.wakeAt === null || !isUnderWay(record)) return steps;
    now = Math.max(now, decision.wakeAt);
  }
  return steps;
}

/** A Service at rest: its Record, and what a Host would see of it. */
export interface AtRest {
  readonly record: ServiceRecord;
  readonly observation: Observation;
}

/** How a Service would stand that had been deployed from nothing as it is declared (`desired` says so), and had come to rest. */
export function atRest(decide: Decide, desired: Desired, now: number): AtRest {
  const host = new ImaginedHost(desired.service, null);
  let record: ServiceRecord | null = null;
  for (let passes = 0; passes < mostPasses; passes += 1) {
    const decision = decide(desired, record, host.observation, now);
    if (decision.record === record && !host.obey(decision.plan, now)) break;
    record = decision.record;
    host.obey(decision.plan, now);
  }
  return { record: record!, observation: host.observation };
}

/** Whether there is more to come than the waiting of a Service that is well. */
function isUnderWay(record: ServiceRecord | null): boolean {
  return record !== null && (record.rollout !== null || record.instances.some(({ duty }) => duty !== 'serve') || record.deleting);
}

function stepsBetween(before: Plan | null, after: Plan | null): string[] {
  const steps: string[] = [];
  const earlier = new Map((before?.instances ?? []).map((instance) => [instance.id, instance]));
  const later = new Map((after?.instances ?? []).map((instance) => [instance.id, instance]));
  for (const instance of later.values()) steps.push(...stepsOfInstance(earlier.get(instance.id), instance));
  const [from, to] = [routeText(before), routeText(after)];
  if (from !== to) steps.push(to === '' ? 'close-route' : `switch-route ${to}`);
  for (const id of earlier.keys()) if (!later.has(id)) steps.push(`stop-instance ${id}`);
  return steps;
}

function stepsOfInstance(before: PlannedInstance | undefined, after: PlannedInstance): string[] {
  if (before === undefined) return [`start-instance ${after.id}`];
  return before.duty === after.duty ? [] : [`${after.duty}-instance ${after.id}`];
}

function routeText(plan: Plan | null): string {
  const weights = Object.entries(plan?.route?.weights ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return weights.map(([hash, weight]) => `${plan?.revisions[hash]?.name ?? hash.slice(0, 8)} ${weight}%`).join(', ');
}

class ImaginedHost {
  observation: Observation;

  constructor(service: string, observation: Observation | null) {
    const nothing = {
      planGeneration: 0,
      routeGeneration: 0,
      routed: null,
      instances: [],
      preview: null,
      shadow: null,
      metrics: [],
      traffic: {},
    };
    this.observation = observation ?? { service, hostId: '', ...nothing };
  }

  /** Takes a Plan in as if everything in it went well at once; false when there was nothing new in it. */
  obey(plan: Plan | null, now: number): boolean {
    const before = this.observation;
    const generation = plan?.generation ?? before.planGeneration;
    const instances = (plan?.instances ?? []).map((planned) => proven(planned, plan!, before, now));
    const idle = instances.every((instance) => before.instances.includes(instance));
    if (idle && instances.length === before.instances.length && before.routeGeneration >= generation) return false;
    this.observation = {
      ...before,
      planGeneration: generation,
      routeGeneration: generation,
      routed: plan?.route?.weights ?? null,
      instances,
    };
    return true;
  }
}

function proven(planned: PlannedInstance, plan: Plan, before: Observation, now: number): ObservedInstance {
  const seen = before.instances.find(({ id }) => id === planned.id);
  if (seen?.phase === 'connected' && seen.sessions === 0 && seen.inFlight === 0) return seen;
  return {
    id: planned.id,
    revision: planned.revision,
    phase: 'connected',
    pid: null,
    port: null,
    startedAt: now,
    connectedAt: now,
    end: null,
    contract: null,
    checks: plan.terms[planned.revision]!.health.checks.map(({ name, type }) => ({
      name,
      type,
      outcome: 'pass',
      message: '',
      at: now,
      latencyMs: null,
      passesInARow: plan.terms[planned.revision]!.health.successThreshold,
      failsInARow: 0,
      errorsInARow: 0,
    })),
    sessions: 0,
    inFlight: 0,
  };
}
