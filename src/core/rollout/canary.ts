/**
 * Canary: the target gets a growing share of calls, step by step, and is judged against stable meanwhile. What a step is
 * about is done when the gateway has confirmed a weight, time has passed, the analysis has a judgement, or somebody says
 * `rollout promote`; after the last one all calls go over. Without a proven Instance the target has no share at all.
 */
import type { Shadow } from '../../model/plan.ts';
import type { CanaryStep } from '../../model/service.ts';
import {
  beforeTraffic,
  contractsWait,
  checksPass,
  checksWait,
  groupWait,
  instancesLeft,
  promoteWait,
  provenOf,
  switching,
  waiting,
  type Standing,
  type Step,
} from './strategy.ts';

export function canary(standing: Standing): Step {
  const { rollout, migration } = standing;
  const { steps } = migration.canary;
  const index = rollout.promoted === 'full' ? steps.length : Math.min(rollout.step, steps.length);
  const replicas = replicasAt(steps, index, standing.replicas);
  if (rollout.phase === 'Proving') {
    const before = beforeTraffic(standing, replicas);
    if (before !== null) return before;
  }
  const proven = provenOf(standing, replicas);
  if (index >= steps.length) return afterSteps(standing, replicas, proven);

  const step = steps[index]!;
  const enough = proven >= replicas;
  // A share grows only when everything that is to carry it is there.
  const weight = proven === 0 ? 0 : weightAt(steps, step.type === 'setWeight' && !enough ? index - 1 : index);
  const at = { target: replicas, weight, shadow: proven === 0 ? null : shadowOf(standing, step) };
  const missing = instancesLeft(replicas - proven, replicas);
  if (standing.held !== null)
    return { ...waiting(standing, 'Stepping', 'person', standing.held), ...at, weight: Math.min(weight, standing.weight) };
  if (!enough && (step.type === 'setWeight' || step.type === 'setReplicas'))
    return { ...waiting(standing, 'Stepping', 'instances', missing), ...at };
  const progress = progressOf(standing, step, index, weight, replicas);
  if (standing.gateOpen) return { ...waiting(standing, 'Stepping', 'instances', missing), ...at, ...progress };
  // What the target offers has changed since it was let through: no more calls, and no other step, until that is compared too.
  const waits = waiting(standing, 'Stepping', 'instances', contractsWait);
  const goesOn = progress.stepDone || step.type === 'setWeight' ? {} : progress;
  return { ...waits, ...at, weight: Math.min(weight, standing.weight), ...goesOn };
}

type Progress = Pick<Step, 'stepDone' | 'waitsOn' | 'waitsFor' | 'until'>;

/** Whether the step is done, and what it waits for otherwise. */
function progressOf(standing: Standing, step: CanaryStep, index: number, weight: number, replicas: number): Progress {
  const { rollout, now } = standing;
  const skipped = rollout.promoted !== null && rollout.promoted !== 'full' && rollout.promoted.step === index;
  const since = rollout.stepStartedAt;
  switch (step.type) {
    case 'setWeight': {
      const confirmed = standing.inForce !== null && (standing.inForce.weights[rollout.target] ?? 0) === weight;
      return { stepDone: confirmed, waitsOn: 'gateway', waitsFor: `the gateway to confirm ${weight} %`, until: null };
    }
    case 'setReplicas':
      return done;
    case 'pause':
      if (step.durationMs === null) return { stepDone: skipped, waitsOn: 'person', waitsFor: promoteWait, until: null };
      return timed(now, since + step.durationMs, skipped, 'the pause to end');
    case 'shadow':
      return timed(now, since + step.forMs, skipped, 'mirrored calls to be compared');
    case 'analysis':
      return skipped ? done : analysed(standing, since + step.forMs, step.forMs, checksPass(standing, replicas));
  }
}

const done: Progress = { stepDone: true, waitsOn: 'data', waitsFor: '', until: null };

function timed(now: number, endsAt: number, skipped: boolean, waitsFor: string): Progress {
  return { stepDone: skipped || now >= endsAt, waitsOn: 'time', waitsFor, until: endsAt };
}

/**
 * Done when its time is over and a measurement taken after that passes. Too little data, or a metrics source that is
 * silent, is no judgement: it holds for as long again (two intervals at least), then the functional checks decide:
 * it goes on when they pass.
 */
function analysed(standing: Standing, endsAt: number, forMs: number, passes: boolean): Progress {
  const { now, measurement, migration } = standing;
  const holdsUntil = endsAt + Math.max(forMs, 2 * migration.canary.analysis.intervalMs);
  if (now < endsAt) return { stepDone: false, waitsOn: 'time', waitsFor: 'the analysis to end', until: endsAt };
  const outcome = measurement !== null && measurement.at >= endsAt ? measurement.outcome : 'inconclusive';
  if (outcome === 'pass') return done;
  if (outcome === 'fail') return { stepDone: false, waitsOn: 'data', waitsFor: 'another measurement, the last one failed', until: null };
  if (now >= holdsUntil && !passes) return { stepDone: false, waitsOn: 'data', waitsFor: checksWait, until: null };
  return { stepDone: now >= holdsUntil, waitsOn: 'data', waitsFor: 'a measurement to judge by', until: holdsUntil };
}

function afterSteps(standing: Standing, replicas: number, proven: number): Step {
  const { steps } = standing.migration.canary;
  const { phase, promoted } = standing.rollout;
  const reached = promoted === 'full' ? standing.weight : weightAt(steps, steps.length);
  const weight = proven === 0 ? 0 : standing.held === null ? reached : Math.min(reached, standing.weight);
  if (standing.held !== null) return { ...waiting(standing, 'Stepping', 'person', standing.held), weight };
  if (proven < replicas) {
    const waits = waiting(standing, 'Stepping', 'instances', instancesLeft(replicas - proven, replicas));
    return { ...waits, weight };
  }
  if (phase === 'Switching') return switching(standing);
  if (!checksPass(standing, replicas)) return { ...waiting(standing, 'Stepping', 'instances', checksWait), weight };
  if (!standing.gateOpen)
    return { ...waiting(standing, 'Stepping', 'instances', contractsWait), weight: Math.min(weight, standing.weight) };
  if (!standing.groupOpen) return { ...waiting(standing, 'Gathering', 'group', groupWait), weight };
  return switching(standing);
}

/** The share that the steps up to and with `index` have come to. */
function weightAt(steps: readonly CanaryStep[], index: number): number {
  const set = steps.slice(0, index + 1).findLast((step) => step.type === 'setWeight');
  return set?.weight ?? 0;
}

/** Target Instances at a step: what setReplicas said last, all before it ever did and after the last step. */
function replicasAt(steps: readonly CanaryStep[], index: number, replicas: number): number {
  if (index >= steps.length) return replicas;
  const set = steps.slice(0, index + 1).findLast((step) => step.type === 'setReplicas');
  return set?.replicas ?? replicas;
}

function shadowOf({ rollout }: Standing, step: CanaryStep): Shadow | null {
  return step.type === 'shadow' ? { revision: rollout.target, tools: step.tools, percent: step.percent } : null;
}
