/**
 * Rolling: Instances of stable are replaced by Instances of the target, one after the other. At most replicas + maxSurge
 * are there at a time, and at least replicas − maxUnavailable are ready as far as it is the engine's doing; calls are
 * shared by the number of Instances. A target Instance that fails gives its place back to stable, and the place of one of
 * stable that failed and is in back-off is free: a fix need not wait for what is broken. Until a first one has taken over,
 * stable gives up no more than the one place that it may need: a target that never gets calls costs nobody who is ready.
 */
import type { Amount, Migration } from '../../model/service.ts';
import { contractsWait, groupWait, instancesLeft, provenOf, switching, waiting, type Standing, type Step } from './strategy.ts';

/** `rollout.step` is the number of target Instances that have taken over. */
export function rolling(standing: Standing): Step {
  const { rollout, replicas } = standing;
  const proven = provenOf(standing, replicas);
  const replaced = replacedOf(standing, proven);
  const counts = countsWith(standing, replaced);
  const phase = rollout.step === 0 ? 'Proving' : 'Replacing';
  if (standing.held !== null) return { ...waiting(standing, phase, 'person', standing.held), ...counts };
  if (replaced >= replicas) return { ...switching(standing), stable: counts.stable };
  if (proven <= replaced) return { ...waiting(standing, phase, 'instances', instancesLeft(replicas - proven, replicas)), ...counts };
  if (!standing.gateOpen) return { ...waiting(standing, phase, 'instances', contractsWait), ...counts };
  if (!standing.groupOpen) return { ...waiting(standing, 'Gathering', 'group', groupWait), ...counts };
  const confirmed = (standing.inForce?.weights[rollout.target] ?? 0) === counts.weight;
  return {
    ...waiting(standing, phase, 'gateway', 'the gateway to confirm the weights'),
    ...counts,
    stepDone: standing.inForce !== null && confirmed,
  };
}

/** As many as have taken over and are ready; while the gate is closed, none comes back beyond those that get calls now. */
function replacedOf(standing: Standing, proven: number): number {
  let replaced = Math.min(standing.rollout.step, proven);
  while (!standing.gateOpen && replaced > 0 && countsWith(standing, replaced).weight > standing.weight) replaced--;
  return replaced;
}

/** What should be there, and what share of calls the target has, once so many of its Instances have taken over. */
function countsWith(standing: Standing, replaced: number): Pick<Step, 'stable' | 'target' | 'weight'> {
  const { rollout, replicas, stableReplicas, stableProven } = standing;
  const size = Math.max(replicas, stableReplicas);
  const { surge, unavailable } = amountsOf(standing.migration.rolling, size);
  const missing = rollout.step > 0 ? unavailable : Math.min(unavailable, surge === 0 ? 1 : 0);
  const readyNeeded = size - missing - replaced;
  let stable = Math.max(0, Math.min(stableReplicas, readyNeeded));
  const readyBelow = (count: number): number => stableProven.filter((ordinal) => ordinal < count).length;
  while (stable < stableReplicas && readyBelow(stable) < readyNeeded) stable++;
  const failing = standing.stableFailing.filter((ordinal) => ordinal < stable).length;
  // What has been started already stays when stable comes back from its back-off: it would never get anywhere else.
  const target = Math.min(replicas, Math.max(replaced, standing.there, size + surge - (stable - failing)));
  return { stable, target, weight: replaced === 0 ? 0 : Math.round((100 * replaced) / (replaced + stable)) };
}

/** A surge rounds up, unavailability down, and where both come to nothing one may be unavailable, as Kubernetes does for Deployments. */
function amountsOf({ maxSurge, maxUnavailable }: Migration['rolling'], replicas: number): { surge: number; unavailable: number } {
  const count = (amount: Amount, round: (share: number) => number): number =>
    'count' in amount ? amount.count : round(amount.share * replicas);
  const surge = count(maxSurge, Math.ceil);
  const unavailable = Math.min(replicas, count(maxUnavailable, Math.floor));
  return { surge, unavailable: surge === 0 ? Math.max(1, unavailable) : unavailable };
}
