/**
 * What must be so of a canary: its weights follow from its steps by a computation of their own, no step ends before its
 * time, a paused Rollout stands still, and who misbehaves under load is caught. Names as in invariants.ts.
 */
import type { ServiceRecord } from '../model/record.ts';
import type { Rollout } from '../model/rollout.ts';
import type { CanaryStep } from '../model/service.ts';
import {
  commanded,
  goalOf,
  ongoing,
  promotion,
  serviceFor,
  serving,
  stepsOf,
  wantedOf,
  weightOf,
  type Invariant,
  type Judged,
} from './terms.ts';

/** The weight that the steps give up to and with the one under way. */
export function weightBySteps(steps: readonly CanaryStep[], step: number): number {
  let weight = 0;
  for (const one of steps.slice(0, step + 1)) if (one.type === 'setWeight') weight = one.weight;
  return weight;
}

/** Instances that the target should have at the step under way: what setReplicas said last, else all. */
export function replicasBySteps(rollout: Rollout, record: ServiceRecord): number {
  const steps = stepsOf(rollout, record);
  const all = wantedOf(record, rollout.target);
  if (rollout.promoted === 'full' || rollout.step >= steps.length) return all;
  let replicas = all;
  for (const one of steps.slice(0, rollout.step + 1)) if (one.type === 'setReplicas') replicas = one.replicas;
  return replicas;
}

/** [8] What the target gets is what its steps say: less while it cannot answer, or while a pause holds it where it was. */
const weightsFollowTheSteps: Invariant = (judged) => {
  const { after } = judged;
  const { rollout } = after;
  if (rollout === null || rollout.strategy !== 'canary' || rollout.direct !== null || rollout.stable === null) return null;
  const weight = weightOf(after, rollout.target);
  if (rollout.phase === 'Proving') return weight === 0 ? null : `${weight} % to a target in proof`;
  if (rollout.phase === 'Switching') return weight === 100 ? null : `${weight} % while all calls should move`;
  const steps = stepsOf(rollout, after);
  const expected = weightBySteps(steps, rollout.step);
  const proven = serving(after, rollout.target, true).length;
  if (weight === 0 && proven === 0) return null;
  if (weight > 0 && proven === 0) return `${weight} % to a target without a ready instance`;
  if (rollout.promoted === 'full')
    return weight <= Math.max(expected, weightOf(judged.before!, rollout.target))
      ? null
      : 'past its steps it got more calls before the switch';
  // What offers something else than was compared gets no more calls before that has been compared, too.
  const compares = judged.observation?.instances.some(
    ({ revision, contract }) => revision === rollout.target && contract !== null && contract !== rollout.contract?.to,
  );
  if (compares === true && weight <= weightOf(judged.before!, rollout.target)) return null;
  const waits = steps[rollout.step]?.type === 'setWeight' && proven < replicasBySteps(rollout, after);
  if (weight === (waits ? weightBySteps(steps, rollout.step - 1) : expected)) return null;
  const was = ongoing(judged)?.was;
  const failed = rollout.waitsOn === 'person' && serviceFor(after, rollout.target)?.migration.rollback.automatic === false;
  const held =
    (rollout.paused !== null || failed) && was !== undefined && weight <= Math.max(expected, weightOf(judged.before!, rollout.target));
  return held ? null : `${weight} % to the target, its steps say ${expected} %`;
};

/** Rule 8: whoever waits for a step's time to pass asks to be woken for it. */
const wakesForSteps: Invariant = ({ after, decision, now }) => {
  const { rollout } = after;
  if (rollout === null || rollout.phase !== 'Stepping' || rollout.paused !== null || rollout.promoted !== null) return null;
  const step = stepsOf(rollout, after)[rollout.step];
  const forMs = step?.type === 'pause' ? step.durationMs : step?.type === 'analysis' || step?.type === 'shadow' ? step.forMs : null;
  if (forMs === null || (rollout.waitsOn !== 'time' && rollout.waitsOn !== 'data')) return null;
  const endsAt = rollout.stepStartedAt + forMs;
  return endsAt > now && (decision.wakeAt === null || decision.wakeAt > endsAt) ? `nobody wakes for the end of step ${rollout.step}` : null;
};

/** [5] A step is passed when it has been done, or somebody said that it may be. */
const stepsEndInTime: Invariant = (judged) => {
  const { after, before, desired, now, world } = judged;
  const both = ongoing(judged);
  const was = both?.was ?? promotion(judged);
  if (was === null || before === null || was.phase !== 'Stepping' || was.promoted === 'full') return null;
  if (commanded(desired, before, 'promote-full')) return null;
  const steps = stepsOf(was, after);
  if (was.stepsHash !== after.desired?.migration.stepsHash) return null;
  const passed = both === null ? steps.length : both.is.step;
  if (passed < was.step) return `the steps went back from ${was.step} to ${passed}`;
  for (let index = was.step; index < passed; index++) {
    const waived = index === was.step && (was.promoted?.step === index || commanded(desired, before, 'promote', 'resume-rollout'));
    if (waived) continue;
    const wrong = endedEarly(steps[index]!, was, index === was.step, now, judged);
    if (wrong !== null && !world.clockJumped) return `step ${index} (${steps[index]!.type}) ended ${wrong}`;
  }
  return null;
};

function endedEarly(step: CanaryStep, was: Rollout, wasUnderWay: boolean, now: number, judged: Judged): string | null {
  const { after, observation, world } = judged;
  const forMs = wasUnderWay ? now - was.stepStartedAt : 0;
  switch (step.type) {
    case 'setWeight': {
      const { host } = world;
      if (host === null || observation?.hostId !== host.id) return null;
      const inForce = host.inForce?.route?.weights[was.target] ?? 0;
      return inForce === step.weight ? null : `while the gateway sends ${inForce} % rather than ${step.weight} %`;
    }
    case 'setReplicas': {
      const proven = after.instances.filter(
        ({ revision, duty, provenAt }) => revision === was.target && duty !== 'drain' && provenAt !== null,
      ).length;
      return proven >= step.replicas ? null : `with ${proven} of ${step.replicas} instances`;
    }
    case 'pause':
      if (step.durationMs === null) return 'though nobody said so';
      return forMs >= step.durationMs ? null : `after ${forMs} of ${step.durationMs} ms`;
    case 'shadow':
      return forMs >= step.forMs ? null : `after ${forMs} of ${step.forMs} ms`;
    case 'analysis': {
      if (forMs < step.forMs) return `after ${forMs} of ${step.forMs} ms`;
      const [latest] = after.rollout === null ? [after.verdicts[0]?.measurement] : (after.rollout.analysis?.measurements ?? []);
      const outcome = latest?.outcome ?? 'inconclusive';
      const { intervalMs } = after.desired!.migration.canary.analysis;
      return outcome === 'pass' || forMs >= step.forMs + Math.max(step.forMs, 2 * intervalMs)
        ? null
        : `after ${forMs} ms though it says ${outcome}`;
    }
  }
}

/** A Rollout that somebody paused comes no nearer to its target; failures are judged all the same. */
const pausedStandsStill: Invariant = (judged) => {
  const { before, after, desired } = judged;
  if (before?.rollout?.paused == null || commanded(desired, before, 'resume-rollout')) return null;
  if (promotion(judged) !== null) return 'promoted though it is paused';
  const both = ongoing(judged);
  if (both === null) return null;
  const { was, is } = both;
  if (is.paused === null) return 'it goes on though nobody resumed it';
  // Of a rolling Rollout, what has taken over takes its share again when it comes back.
  if (is.strategy !== 'rolling' && weightOf(after, is.target) > weightOf(before, was.target))
    return 'the target gets more calls though the rollout is paused';
  if (is.step > was.step) return 'a step was passed though the rollout is paused';
  if (is.phase === 'Switching' && was.phase !== 'Switching') return 'it switches though it is paused';
  const ready = serving(after, is.target, true).length >= wantedOf(after, is.target);
  const shown = before.route?.preview === is.target && after.route?.preview !== is.target;
  return shown && ready && was.stepsHash === is.stepsHash ? 'the preview goes though the rollout is only paused' : null;
};

const resumeAndPauseAreHeard: Invariant = (judged) => {
  const both = ongoing(judged);
  const { before, after, desired } = judged;
  const last = desired.commands.filter(({ id }) => id > (before?.commandId ?? 0)).at(-1)?.kind;
  const begins = (before?.rollout ?? null) === null && after.rollout !== null;
  if (begins && last === 'pause-rollout' && after.rollout.paused === null) return 'it begins though it was told to pause';
  if (both === null) return null;
  const gone = both.was.phase === 'Switching' || both.was.phase === 'Swapping';
  if (last === 'pause-rollout' && both.is.paused === null && !gone) return 'it was told to pause and does not';
  return last === 'resume-rollout' && both.is.paused !== null ? 'it was told to resume and does not' : null;
};

const abortIsHeard: Invariant = ({ before, after, desired }) => {
  const [first] = desired.commands.filter(({ id }) => id > (before?.commandId ?? 0));
  if (first?.kind !== 'abort' || before?.rollout == null) return null;
  const { number } = before.rollout;
  const aborted = after.verdicts.some((verdict) => verdict.number === number && verdict.result === 'Aborted');
  return aborted ? null : `rollout ${number} was told to abort and was not`;
};

/** Other steps during a Rollout: they begin anew, from nothing. */
const otherStepsBeginAnew: Invariant = (judged) => {
  const both = ongoing(judged);
  if (both === null || both.was.stepsHash === both.is.stepsHash) return null;
  const { is } = both;
  if (is.stepsHash !== judged.after.desired?.migration.stepsHash) return 'the steps are of no manifest';
  if (is.direct !== null) return null;
  const fresh = is.analysis === null || is.analysis.startedAt === judged.now;
  if (is.promoted !== null || (is.released && is.phase !== 'Switching' && is.phase !== 'Replacing') || !fresh)
    return `the new steps begin with what was said of those before (${is.phase}, ${JSON.stringify(is.promoted)}, ${is.released}, ${fresh})`;
  const passable = stepsOf(is, judged.after).slice(0, is.step);
  return is.strategy !== 'canary' ||
    passable.every(
      (step) => step.type === 'setReplicas' || (step.type === 'setWeight' && step.weight === weightOf(judged.before!, is.target)),
    )
    ? null
    : `new steps begin at step ${is.step}`;
};

const byTheSteps: Invariant = (judged) => {
  const both = ongoing(judged);
  const { desired } = judged.after;
  const current = desired?.revision.hash === both?.is.target ? desired?.migration.stepsHash : undefined;
  return both !== null && current !== undefined && goalOf(judged.after) === 'running' && both.is.stepsHash !== current
    ? 'it goes by steps that changed'
    : null;
};

/** Enough traffic over enough measurements, and the target still goes on: see Watch for what is enough. */
const badUnderLoadIsTakenBack: Invariant = (judged) => {
  const { after, world } = judged;
  const { rollout } = after;
  if (rollout === null || after.desired?.migration.rollback.automatic !== true) return null;
  const chances = world.watch.chancesToSee;
  const allowed = after.desired.migration.canary.analysis.failureLimit;
  return chances > allowed + 1 ? `bad under load through ${chances} measurements, ${allowed} failures are put up with` : null;
};

export const canaryAlways = { wakesForSteps };
export const canaryInvariants = {
  weightsFollowTheSteps,
  stepsEndInTime,
  pausedStandsStill,
  resumeAndPauseAreHeard,
  abortIsHeard,
  otherStepsBeginAnew,
  byTheSteps,
  badUnderLoadIsTakenBack,
};
