/** What must be so of rolling and blue-green Rollouts, and of what a strategy leaves standing. Names as in invariants.ts. */
import type { ServiceRecord } from '../model/record.ts';
import type { Amount, Migration } from '../model/service.ts';
import {
  goalOf,
  isLost,
  isOver,
  ongoing,
  promotion,
  sameJson,
  serviceFor,
  serving,
  wantedOf,
  weightOf,
  type Invariant,
  type Judged,
} from './terms.ts';

function amountOf(amount: Amount, replicas: number, round: (exact: number) => number): number {
  return 'count' in amount ? amount.count : round(amount.share * replicas);
}

/** So many may be missing once `step` have taken over. Where neither may be, one may: it could not move else; and before the first no other. */
export function unavailableOf({ maxSurge, maxUnavailable }: Migration['rolling'], replicas: number, step: number): number {
  const place = amountOf(maxSurge, replicas, Math.ceil) === 0 ? 1 : 0;
  return step === 0 ? place : Math.max(place, amountOf(maxUnavailable, replicas, Math.floor));
}

/** Whether a rolling Rollout is under way that may leave no Instance ready, as its manifest says. */
export function mayBeUnavailable(record: ServiceRecord): boolean {
  const { rollout, stable, desired } = record;
  if (stable === null || rollout?.strategy !== 'rolling') return false;
  const replicas = wantedOf(record, stable.hash);
  return unavailableOf(desired!.migration.rolling, replicas, rollout.step) >= replicas;
}

function isRolling({ after }: Judged): boolean {
  return after.rollout?.strategy === 'rolling' && after.rollout.direct === null && after.stable !== null && goalOf(after) === 'running';
}

/** [7] Whoever is ready is sent away only while enough others are. */
const rollingKeepsItsFloor: Invariant = (judged) => {
  const { before, after, observation } = judged;
  if (
    !isRolling(judged) ||
    before === null ||
    before.stable?.hash !== after.stable!.hash ||
    before.desired?.replicas !== after.desired?.replicas
  )
    return null;
  // Of a Rollout that ends in this pass the target may go at once.
  if (before.rollout !== null && ongoing(judged) === null) return null;
  const { stable, rollout, desired } = after;
  const isReady = ({ id, provenAt }: { readonly id: string; readonly provenAt: number | null }): boolean =>
    provenAt !== null && observation?.instances.find((seen) => seen.id === id)?.phase !== 'ended';
  const hashes = [stable!.hash, rollout!.target];
  const ready = hashes.flatMap((hash) => serving(after, hash, true)).filter(isReady);
  const sent = hashes
    .flatMap((hash) => serving(before, hash, true))
    .filter(({ id }) => !after.instances.some((instance) => instance.id === id && instance.duty === 'serve'))
    .filter(({ id }) => {
      const seen = observation?.instances.find((one) => one.id === id);
      return !isOver(seen, after) && !isLost(before, observation, id);
    });
  if (sent.length === 0) return null;
  const fewest = Math.min(wantedOf(after, stable!.hash), wantedOf(after, rollout!.target));
  const floor = fewest - unavailableOf(desired!.migration.rolling, fewest, rollout!.step);
  return ready.length >= floor ? null : `${sent.map(({ id }) => id).join(', ')} sent away, ${ready.length} ready of ${floor} at least`;
};

/** Never more Instances at once than replicas and surge. */
const rollingKeepsItsSurge: Invariant = (judged) => {
  const { before, after, observation } = judged;
  // What failed gives its place to others until it is back, and so does what was lost.
  if (!isRolling(judged) || before === null || after.rollout!.failures > 0 || after.restarts.length > 0) return null;
  if (before.instances.some(({ id, duty }) => duty === 'serve' && isLost(before, observation, id))) return null;
  const { stable, rollout } = after;
  // What stood in for stable and is the target again is there beside all that stable starts anew.
  if (serving(after, rollout!.target, false).some(({ createdAt }) => createdAt < rollout!.startedAt)) return null;
  const created = serving(after, rollout!.target, false).some(({ id }) => !before.instances.some((other) => other.id === id));
  if (!created) return null;
  const most = Math.max(wantedOf(after, stable!.hash), wantedOf(after, rollout!.target));
  const limit = most + amountOf(serviceFor(after, rollout!.target)!.migration.rolling.maxSurge, most, Math.ceil);
  const all = serving(after, stable!.hash, false).length + serving(after, rollout!.target, false).length;
  return all <= limit ? null : `${all} instances serve at once, at most ${limit} may`;
};

/** While it rolls, calls are split as the ready Instances are. */
const rollingSplitsByInstances: Invariant = (judged) => {
  const { after } = judged;
  if (!isRolling(judged) || after.rollout!.phase === 'Switching') return null;
  const { stable, rollout } = after;
  const weight = weightOf(after, rollout!.target);
  const target = serving(after, rollout!.target, true).length;
  const old = serving(after, stable!.hash, true).length;
  if (weight > 0 && target === 0) return `${weight} % to a target without a ready instance`;
  if (rollout!.paused !== null || target + old === 0) return null;
  const fair = (100 * target) / (target + old);
  return weight > 0 && weight > fair + 1 ? `${weight} % to ${target} ready instances beside ${old} of stable` : null;
};

/** What has been started of the target stays, and each one that takes over waits for the gateway's word on the one before. */
const rollingGoesForward: Invariant = (judged) => {
  const { before, after, observation, world } = judged;
  const both = ongoing(judged);
  if (!isRolling(judged) || both === null || both.was.strategy !== 'rolling') return null;
  if (both.was.stepsHash !== both.is.stepsHash || before!.desired?.specHash !== after.desired?.specHash) return null;
  const { target, step } = both.is;
  for (const { id } of serving(before!, target, false)) {
    if (after.instances.some((instance) => instance.id === id && instance.duty === 'serve')) continue;
    const seen = observation?.instances.find((one) => one.id === id);
    if (!isOver(seen, after) && !isLost(before!, observation, id)) return `${id} of the target was sent away`;
  }
  const replaced = Math.min(step, serving(after, target, true).length);
  const { contract } = after.desired!.migration;
  const isOpen = contract.breaking !== 'block' && contract.descriptions !== 'block' && after.desired?.lock === undefined;
  if (isOpen && both.is.phase === 'Replacing' && replaced > 0 && weightOf(after, target) === 0)
    return `${replaced} have taken over and get no calls`;
  const { host } = world;
  if (step === both.was.step || host === null || observation?.hostId !== host.id) return null;
  const inForce = host.inForce?.route?.weights[target] ?? 0;
  return inForce === weightOf(before!, target) ? null : `another took over while the gateway sent ${inForce} %`;
};

/** Blue-green: no call before the switch, and no switch before the whole target is ready, its preview checks pass and a person agrees. */
const blueGreenSwitchesOnce: Invariant = (judged) => {
  const { after, observation } = judged;
  const { rollout } = after;
  if (rollout === null || rollout.strategy !== 'blue-green' || rollout.direct !== null) return null;
  const weight = weightOf(after, rollout.target);
  if (weight !== 0 && weight !== 100) return `a blue-green target gets ${weight} %`;
  if (weight === 100 && rollout.phase !== 'Switching') return `all calls go to the target in phase ${rollout.phase}`;
  const was = ongoing(judged)?.was;
  if (rollout.phase !== 'Switching' || was?.phase === 'Switching' || was === undefined) return null;
  const { autoPromote, prePromotion } = after.desired!.migration.blueGreen;
  if (!autoPromote && was.promoted === null && rollout.promoted === null) return 'switched though nobody said so';
  const checks = observation?.preview?.revision === rollout.target ? observation.preview.checks : [];
  const passed = prePromotion.every((name) => checks.some((check) => check.name === name && check.outcome === 'pass'));
  return passed ? null : 'switched though its checks through the preview do not pass';
};

/** What fails through the preview is taken back. */
const previewIsHeeded: Invariant = (judged) => {
  const both = ongoing(judged);
  const { after, observation, world } = judged;
  if (both === null || both.was.phase !== 'Previewing' || both.is.phase !== 'Previewing' || both.was.stepsHash !== both.is.stepsHash)
    return null;
  const { migration, health } = serviceFor(after, both.is.target)!;
  const shown = observation?.preview?.revision === both.is.target && world.host?.inForce?.route?.preview === both.is.target;
  if (!shown || !migration.rollback.automatic || after.routePlan > observation.routeGeneration) return null;
  const down = observation.preview.checks.find(
    ({ name, failsInARow, errorsInARow }) =>
      migration.blueGreen.prePromotion.includes(name) && (failsInARow >= health.failureThreshold || errorsInARow >= 4),
  );
  return down === undefined ? null : `it goes on though check ${down.name} fails through the preview`;
};

/** What was stable before stays up, without calls, for as long as was said. */
const keptStaysUp: Invariant = (judged) => {
  const { before, after, now, observation } = judged;
  const rollout = promotion(judged);
  if (rollout !== null && rollout.stable !== null) {
    const { keepOldForMs } = serviceFor(before!, rollout.target)!.migration.blueGreen;
    const keeps = rollout.strategy === 'blue-green' && rollout.direct !== 'exclusive' && rollout.direct !== 'fallback' && keepOldForMs > 0;
    const well = !after.rejections.some(({ revision }) => revision === rollout.stable);
    if (before!.desired?.specHash !== after.desired?.specHash || goalOf(after) !== 'running') return null;
    const kept = after.kept?.revision.hash === rollout.stable && after.kept.until === now + keepOldForMs;
    if (keeps && well && !kept) return 'what was stable is not kept';
    if (!keeps && after.kept !== null) return 'what was stable is kept though nobody said so';
    return null;
  }
  if (after.kept !== null && weightOf(after, after.kept.revision.hash) > 0 && after.rollout?.target !== after.kept.revision.hash)
    return 'calls go to what is only kept';
  if (after.kept !== null && before?.kept?.until !== after.kept.until) return 'it is kept for another time than was said';
  if (before?.kept == null || goalOf(after) !== 'running' || now >= before.kept.until)
    return after.kept !== null && goalOf(after) === 'running' && now >= after.kept.until ? 'it is kept beyond its time' : null;
  const { hash } = before.kept.revision;
  if ([after.rollout?.target, after.desired?.revision.hash].includes(hash) || after.rollout?.direct === 'exclusive') return null;
  const tried = after.verdicts.some(({ target, endedAt }) => target === before.kept!.revision.name && endedAt === now);
  if (tried) return null;
  if (after.kept === null) return 'what was kept is let go before its time';
  for (const { id } of serving(before, hash, false)) {
    if (after.instances.some((instance) => instance.id === id && instance.duty === 'serve')) continue;
    const seen = observation?.instances.find((one) => one.id === id);
    if (!isOver(seen, after) && !isLost(before, observation, id)) return `${id} is kept and was sent away`;
  }
  return null;
};

/** Preview, mirroring and measures are of the Rollout under way, and of nothing else. */
const extrasAreOfTheRollout: Invariant = ({ after, decision }) => {
  const { rollout, route } = after;
  const { plan } = decision;
  if (route === null || plan === null) return null;
  if (route.preview !== null && route.preview !== rollout?.target) return 'the preview leads to another revision than the target';
  if (route.shadow !== null && route.shadow.revision !== rollout?.target) return 'calls are mirrored to another revision than the target';
  if (rollout === null && (plan.measures !== null || plan.previewChecks !== null)) return 'measures or preview checks without a rollout';
  if (route.rollout !== (rollout?.number ?? null)) return `the route is of rollout ${route.rollout}`;
  if (route.preview !== null && serving(after, route.preview, true).length === 0 && rollout?.paused === null)
    return 'the preview leads to nobody';
  if (route.shadow === null) return null;
  const step = after.desired?.migration.canary.steps[rollout!.step];
  if (step?.type !== 'shadow') return 'calls are mirrored outside of a shadow step';
  return step.percent === route.shadow.percent && sameJson(step.tools, route.shadow.tools)
    ? null
    : 'other calls are mirrored than the step says';
};

export const strategyInvariants = {
  rollingKeepsItsFloor,
  rollingKeepsItsSurge,
  rollingSplitsByInstances,
  rollingGoesForward,
  blueGreenSwitchesOnce,
  previewIsHeeded,
  keptStaysUp,
  extrasAreOfTheRollout,
};
