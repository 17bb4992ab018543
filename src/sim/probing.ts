/** How simulated checks come out: what a behaviour makes of a round of them, and the row of results so far. */
import type { CheckOutcome, CheckResult } from '../model/observation.ts';
import type { Behaviour } from './behaviour.ts';

export function outcomeOf(
  { kind, passesForMs }: Behaviour,
  upMs: number,
  last: CheckResult | undefined,
  failureThreshold: number,
): CheckOutcome {
  if (kind === 'check-errors') return 'error';
  if (kind === 'flapping-check')
    return upMs < 120_000 && failureThreshold > 1 && last?.outcome === 'pass' && last.passesInARow > 1 ? 'fail' : 'pass';
  return passesForMs !== null && upMs >= passesForMs ? 'fail' : 'pass';
}

/** Whether its checks may still come out otherwise by its own doing. */
export function mayChange({ kind, passesForMs }: Behaviour, upMs: number): boolean {
  return (kind === 'flapping-check' && upMs < 120_000) || (passesForMs !== null && upMs < passesForMs + 10_000);
}

export function nextResult(
  earlier: CheckResult | undefined,
  name: string,
  type: CheckResult['type'],
  outcome: CheckOutcome,
  at: number,
): CheckResult {
  return {
    name,
    type,
    outcome,
    message: outcome,
    at,
    latencyMs: 1,
    passesInARow: outcome === 'pass' ? (earlier?.passesInARow ?? 0) + 1 : 0,
    failsInARow: outcome === 'fail' ? (earlier?.failsInARow ?? 0) + 1 : outcome === 'error' ? (earlier?.failsInARow ?? 0) : 0,
    errorsInARow: outcome === 'error' ? (earlier?.errorsInARow ?? 0) + 1 : 0,
  };
}
