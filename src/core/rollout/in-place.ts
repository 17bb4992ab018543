/**
 * In-place: for each stable Instance one of the target starts beside it; when all have proven themselves the route
 * moves at once, and after the gateway has confirmed it the target is promoted. Where two cannot live side by side,
 * stable stops first and calls wait in the gateway until the target has proven itself.
 */
import type { Route } from '../../model/plan.ts';
import type { Standing, Step } from './strategy.ts';

export function inPlace(standing: Standing): Step {
  const { rollout, replicas, stableReplicas, targetProven, routeConfirmed } = standing;
  const proven = targetProven >= replicas;
  const beside = { stable: standing.exclusive ? 0 : stableReplicas, target: replicas };
  if (!proven) {
    const waitsFor = `${replicas - targetProven} of ${replicas} target instances to start and pass their checks`;
    if (standing.exclusive) return { ...beside, phase: 'Swapping', route: to(rollout.target, true), promote: false, waitsFor };
    return { ...beside, phase: 'Proving', route: back(rollout), promote: false, waitsFor };
  }
  return {
    ...beside,
    phase: 'Switching',
    route: to(rollout.target, false),
    promote: routeConfirmed,
    waitsFor: 'the gateway to confirm the route',
  };
}

function to(revision: string, hold: boolean): Route {
  return { weights: { [revision]: 100 }, hold };
}

/** Calls go to stable. On the first deployment there is none yet: they wait, unless it has failed already. */
function back({ stable, failures }: Standing['rollout']): Route {
  return stable === null ? { weights: {}, hold: failures === 0 } : to(stable, false);
}
