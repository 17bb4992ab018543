/** How the Rollout under way stands, for its strategy. */
import type { Route } from '../../model/plan.ts';
import { failingOrdinals, isStartCheck, provenOrdinals, serving } from '../instances.ts';
import { fallsBack, migrationOf, observed, wantedReplicas, type Pass } from '../pass.ts';
import { gateIsOpen } from './gate.ts';
import type { Standing } from './strategy.ts';

export function standingOf(pass: Pass, held: string | null): Standing {
  const { record, now } = pass;
  const rollout = record.rollout!;
  const { stable } = record;
  return {
    rollout,
    migration: migrationOf(pass, rollout.target),
    now,
    replicas: wantedReplicas(pass, record.target!),
    stableReplicas: stable === null ? 0 : wantedReplicas(pass, stable),
    proven: provenOrdinals(pass, rollout.target),
    doubtful: doubtfulOrdinals(pass),
    there: Math.max(0, ...serving(pass, rollout.target).map(({ ordinal }) => ordinal + 1)),
    stableProven: stable === null ? [] : provenOrdinals(pass, stable.hash),
    stableFailing: stable === null ? [] : failingOrdinals(pass, stable.hash),
    weight: record.route?.rollout === rollout.number ? (record.route.weights[rollout.target] ?? 0) : 0,
    inForce: routeInForce(pass),
    gateOpen: gateIsOpen(pass),
    previewPasses: previewPasses(pass),
    groupOpen: groupOpen(pass),
    held,
    measurement: rollout.analysis?.measurements[0] ?? null,
  };
}

function doubtfulOrdinals(pass: Pass): number[] {
  const proven = serving(pass, pass.record.rollout!.target).filter(({ provenAt }) => provenAt !== null);
  const passes = (id: string): boolean =>
    observed(pass, id)?.checks.every((check) => !isStartCheck(check) || check.outcome === 'pass') ?? true;
  return proven.filter(({ id }) => !passes(id)).map(({ ordinal }) => ordinal);
}

/** Nobody else of the group is still on its way. There is nothing to hold back on a first deployment, and a fallback waits for nobody. */
function groupOpen(pass: Pass): boolean {
  const { released, stable } = pass.record.rollout!;
  return released || fallsBack(pass) || stable === null || pass.given.group.every(({ stands }) => stands !== 'moving');
}

/** The Route that was planned before, when the gateway has said that it follows it; what else has changed in the Plan since does not matter. */
export function routeInForce({ record, before, observation }: Pass): Route | null {
  if (before === null || observation === null || before.route === null || before.route.hold) return null;
  const isOfThisRollout = before.route.rollout === record.rollout!.number;
  return isOfThisRollout && observation.routeGeneration >= before.routePlan ? before.route : null;
}

function previewPasses(pass: Pass): boolean {
  const { record, observation } = pass;
  const { target } = record.rollout!;
  const { prePromotion } = migrationOf(pass, target).blueGreen;
  if (prePromotion.length === 0) return true;
  const preview = observation?.preview;
  if (preview === null || preview === undefined || preview.revision !== target) return false;
  return prePromotion.every((name) => preview.checks.some((result) => result.name === name && result.outcome === 'pass'));
}
