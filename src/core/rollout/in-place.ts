/**
 * In-place: for each stable Instance one of the target starts beside it; when all have proven themselves the route
 * moves at once, and after the gateway has confirmed it the target is promoted. Where two cannot live side by side,
 * stable stops first and calls wait in the gateway until the target has proven itself. Every Rollout that has no steps
 * (a first deployment, a return, a fallback) goes this way.
 */
import {
  beforeTraffic,
  contractsWait,
  groupWait,
  instancesLeft,
  provenOf,
  switching,
  waiting,
  type Standing,
  type Step,
} from './strategy.ts';

export function inPlace(standing: Standing): Step {
  if (standing.rollout.direct === 'exclusive') return swap(standing);
  const before = beforeTraffic(standing, standing.replicas);
  if (before !== null) return { ...before, hold: firstCallsWait(standing) };
  if (!standing.groupOpen) return waiting(standing, 'Gathering', 'group', groupWait);
  return switching(standing);
}

/** On the first deployment there is nothing that calls could go to: they wait, unless it has failed already. */
function firstCallsWait({ rollout }: Standing): boolean {
  return rollout.stable === null && rollout.failures === 0;
}

function swap(standing: Standing): Step {
  const { replicas, rollout } = standing;
  if (rollout.phase !== 'Swapping' && rollout.phase !== 'Switching') {
    const stays = { target: 0 };
    if (standing.held !== null) return { ...waiting(standing, 'Proving', 'person', standing.held), ...stays };
    if (!standing.groupOpen) return { ...waiting(standing, 'Gathering', 'group', groupWait), ...stays };
  }
  const missing = replicas - provenOf(standing, replicas);
  // Only now it is seen what it offers. Calls do not wait for a person.
  if (missing === 0 && standing.held !== null) return { ...waiting(standing, 'Swapping', 'person', standing.held), stable: 0 };
  if (missing === 0 && !standing.gateOpen)
    return { ...waiting(standing, 'Swapping', 'instances', contractsWait), stable: 0, weight: 100, hold: true };
  if (missing === 0) return { ...switching(standing), stable: 0 };
  return { ...waiting(standing, 'Swapping', 'instances', instancesLeft(missing, replicas)), stable: 0, weight: 100, hold: true };
}
