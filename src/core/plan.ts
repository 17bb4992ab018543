/** The Plan that follows from a Record. Equal Records give equal Plans; its generation grows when anything in it changes. */
import type { Measures, Plan, Terms } from '../model/plan.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Revision } from '../model/revision.ts';
import type { MetricCheck } from '../model/service.ts';
import { serviceOf } from './pass.ts';

const built = new WeakMap<ServiceRecord, Plan>();

/** null when the Host has nothing to know of the Service: it never had a valid manifest. */
export function planOf(record: ServiceRecord): Plan | null {
  if (record.desired === null) return null;
  let plan = built.get(record);
  if (plan === undefined) {
    plan = build(record, record.desired);
    built.set(record, plan);
  }
  return plan;
}

function build(record: ServiceRecord, desired: NonNullable<ServiceRecord['desired']>): Plan {
  const promoted = record.promoted.map(({ revision }) => revision);
  const known = [record.stable, record.target, record.kept?.revision ?? null, ...record.leaving, ...promoted].filter(
    (revision) => revision !== null,
  );
  const named = new Set([...record.instances.map(({ revision }) => revision), ...Object.keys(record.route?.weights ?? {})]);
  const revisions: Record<string, Revision> = {};
  const terms: Record<string, Terms> = {};
  for (const revision of known) {
    if (!named.has(revision.hash)) continue;
    const service = serviceOf(record, revision.hash);
    revisions[revision.hash] = revision;
    terms[revision.hash] = { limits: service.limits, health: service.health };
  }
  const { limits, expose, affinity } = record.stableService ?? desired;
  return {
    service: record.service,
    generation: record.planGeneration,
    revisions,
    instances: record.instances.map(({ id, revision, ordinal, incarnation, duty }) => ({ id, revision, ordinal, incarnation, duty })),
    spared: record.spared,
    route: record.route,
    previewChecks: previewChecksOf(record),
    measures: measuresOf(record),
    quarantine: record.quarantine,
    terms,
    limits,
    expose,
    affinity,
  };
}

function previewChecksOf(record: ServiceRecord): readonly string[] | null {
  const revision = record.route?.preview ?? null;
  return revision === null ? null : serviceOf(record, revision).migration.blueGreen.prePromotion;
}

/** Metrics are asked for while a canary has calls. */
function measuresOf(record: ServiceRecord): Measures | null {
  const { rollout, route } = record;
  if (rollout === null || rollout.strategy !== 'canary' || rollout.direct !== null) return null;
  if ((route?.weights[rollout.target] ?? 0) === 0) return null;
  const { intervalMs, checks } = serviceOf(record, rollout.target).migration.canary.analysis;
  const metrics = checks.filter((check): check is MetricCheck => check.type === 'prometheus' || check.type === 'http');
  return metrics.length === 0 ? null : { intervalMs, checks: metrics };
}

/** Whether the Plan of a Record goes under another generation than that of the one before. */
export function planDiffers(before: ServiceRecord | null, after: ServiceRecord): boolean {
  if (before === null) return true;
  if (before.route !== after.route || before.desired?.specHash !== after.desired?.specHash) return true;
  if (before.stableService?.specHash !== after.stableService?.specHash || before.quarantine !== after.quarantine) return true;
  if (before.rollout?.strategy !== after.rollout?.strategy || before.spared !== after.spared) return true;
  // The same once more: whoever follows it has to say so anew.
  if (after.planRepeatedAt !== null && before.planRepeatedAt !== after.planRepeatedAt) return true;
  if (before.instances === after.instances) return false;
  return (
    before.instances.length !== after.instances.length ||
    before.instances.some((instance, index) => instance.id !== after.instances[index]!.id || instance.duty !== after.instances[index]!.duty)
  );
}
