/**
 * Drift of the Host: it says that it follows the Plan in force, and runs or routes something else for longer than following takes.
 * Shown; and put right by saying the Plan again, which has the Host look at all of it. What should run and does not is given up
 * and replaced whatever the policy: a Service keeps running. With policy `report`, Instances too many stay as they are, and so does
 * a Route with other weights.
 */
import type { Observation, ObservedInstance } from '../model/observation.ts';
import type { InstanceRecord, ServiceRecord } from '../model/record.ts';
import { driftOf, noteDrift } from './drifts.ts';
import { mayBeAlive } from './instances.ts';
import { goalOf, revisionName, say, wake, type Pass } from './pass.ts';

/** Longer than it takes from a Plan's being taken in to its being in force, on a machine that is busy. */
const followMs = 10_000;
/** The Plan is said again this often at most. */
const repeatMs = 30_000;
/** What is named of many. */
const mostNamed = 3;

export function judgeHost(pass: Pass): void {
  const { before, observation, record } = pass;
  // Only what speaks of the Plan in force tells anything; a Host that has begun anew follows none yet.
  if (before === null || observation === null || observation.planGeneration !== before.planGeneration) return;
  const wrongRoute = judgeRoute(pass, before, observation);
  const tooMany = observation.routeGeneration === before.planGeneration && judgeInstances(pass, before, observation);
  if (wrongRoute || tooMany) repeatPlan(pass);
  else if (record.planRepeatedAt !== null && record.drifts.every(({ kind }) => kind !== 'instances' && kind !== 'routes'))
    record.planRepeatedAt = null;
}

interface InstanceDifferences {
  readonly extra: readonly ObservedInstance[];
  readonly missing: readonly InstanceRecord[];
  readonly others: readonly { readonly planned: InstanceRecord; readonly seen: ObservedInstance }[];
}

/** Whether there are Instances too many that should go. */
function judgeInstances(pass: Pass, before: ServiceRecord, observation: Observation): boolean {
  const { record } = pass;
  const found = differencesOf(before, observation);
  const { extra, missing, others } = found;
  const any = extra.length + missing.length + others.length > 0;
  const mark = any ? { message: instanceWords(found, before), diff: instanceDiff(found, before) } : null;
  const became = noteDrift(pass, 'instances', mark, { forMs: followMs, plan: before.planGeneration });
  if (became === 'shown') say(pass, 'Warning', 'InstancesDrifted', `The host ${mark!.message}.`);
  if (became === 'over') say(pass, 'Normal', 'InstancesRestored', 'The host runs what the plan says.');
  const corrects = pass.given.driftPolicy === 'correct' || !maySpare(pass);
  const drift = driftOf(pass, 'instances');
  if (drift === undefined && record.spared.length > 0) record.spared = [];
  // One that has just come to the others may still be a matter of moments.
  if (drift?.shown !== true || pass.now - drift.sameSince < followMs) return false;
  const given = [...missing, ...(corrects ? others.map(({ planned }) => planned) : [])];
  if (given.length > 0) record.instances = record.instances.filter(({ id }) => given.every((gone) => gone.id !== id));
  const ids = corrects ? [] : extra.map(({ id }) => id).sort();
  if (ids.join() !== record.spared.join()) record.spared = ids;
  return corrects && extra.length > 0;
}

function differencesOf(before: ServiceRecord, { instances }: Observation): InstanceDifferences {
  const planned = new Map(before.instances.map((instance) => [instance.id, instance]));
  const seen = new Set(instances.map(({ id }) => id));
  return {
    extra: instances.filter(({ id, phase }) => !planned.has(id) && (phase === 'starting' || phase === 'connected')),
    missing: before.instances.filter(({ id, duty }) => duty === 'serve' && !seen.has(id)),
    others: instances.flatMap((one) => {
      const own = planned.get(one.id);
      const differs = own !== undefined && own.duty === 'serve' && own.revision !== one.revision && one.phase !== 'ended';
      return differs ? [{ planned: own, seen: one }] : [];
    }),
  };
}

function instanceWords({ extra, missing, others }: InstanceDifferences, before: ServiceRecord): string {
  const names = (all: readonly { readonly id: string }[]): string => named(all.map(({ id }) => id));
  const other = named(
    others.map(
      ({ planned, seen }) =>
        `${planned.id} as ${revisionName(before, seen.revision)} rather than ${revisionName(before, planned.revision)}`,
    ),
  );
  return [
    ...(extra.length > 0 ? [`runs ${names(extra)}, which no plan names`] : []),
    ...(missing.length > 0 ? [`does not run ${names(missing)}, which the plan names`] : []),
    ...(others.length > 0 ? [`runs ${other}`] : []),
  ].join('; ');
}

function named(words: readonly string[]): string {
  const more = words.length - mostNamed;
  return `${words.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function instanceDiff({ extra, missing, others }: InstanceDifferences, before: ServiceRecord): string {
  const line = (sign: '-' | '+', id: string, revision: string): string => `${sign}${id} ${revisionName(before, revision)}\n`;
  return [
    ...missing.map(({ id, revision }) => line('-', id, revision)),
    ...others.map(({ planned, seen }) => line('-', planned.id, planned.revision) + line('+', seen.id, seen.revision)),
    ...extra.map(({ id, revision }) => line('+', id, revision)),
  ].join('');
}

/** Whether the Route is to be said again. */
function judgeRoute(pass: Pass, before: ServiceRecord, { routed, routeGeneration }: Observation): boolean {
  const should = before.route?.weights ?? null;
  const late = routeGeneration < before.planGeneration;
  const message = isSameWeights(should, routed)
    ? late
      ? `routes by plan ${routeGeneration} rather than ${before.planGeneration}`
      : null
    : `routes ${weightWords(routed, before)} rather than ${weightWords(should, before)}`;
  const mark = message === null ? null : { message, diff: weightDiff(should, routed, before) };
  const became = noteDrift(pass, 'routes', mark, { forMs: followMs, plan: before.planGeneration });
  if (became === 'shown') say(pass, 'Warning', 'RouteDrifted', `The gateway ${message}.`);
  if (became === 'over') say(pass, 'Normal', 'RouteRestored', 'The gateway routes as the plan says.');
  if (driftOf(pass, 'routes')?.shown !== true) return false;
  return pass.given.driftPolicy === 'correct' || (routed === null && should !== null);
}

type Weights = Readonly<Record<string, number>> | null;

function isSameWeights(a: Weights, b: Weights): boolean {
  if (a === null || b === null) return a === b;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((revision) => (a[revision] ?? 0) === (b[revision] ?? 0));
}

function weightWords(weights: Weights, before: ServiceRecord): string {
  if (weights === null) return 'nothing';
  const shares = Object.keys(weights).filter((revision) => weights[revision]! > 0);
  if (shares.length === 0) return 'to nobody';
  return shares
    .sort()
    .map((revision) => `${weights[revision]} % to ${revisionName(before, revision)}`)
    .join(', ');
}

function weightDiff(should: Weights, is: Weights, before: ServiceRecord): string {
  const lines = (sign: '-' | '+', own: Weights, other: Weights): string[] =>
    Object.keys(own ?? {})
      .sort()
      .filter((revision) => own![revision] !== other?.[revision])
      .map((revision) => `${sign}${revisionName(before, revision)} ${own![revision]}\n`);
  return [...lines('-', should, is), ...lines('+', is, should)].join('');
}

/** The same Plan under a new generation: the Host takes it in whole, and says then how things stand. */
function repeatPlan(pass: Pass): void {
  const { record, now } = pass;
  const at = record.planRepeatedAt;
  if (at === null || at > now || now - at >= repeatMs) record.planRepeatedAt = now;
  wake(pass, record.planRepeatedAt! + repeatMs);
}

/** Only what runs, and beside what others may live, has room for an Instance that no Plan names; what lives alone and leaves must be gone. */
function maySpare(pass: Pass): boolean {
  const { stable, target, leaving } = pass.record;
  const isHeldUp = leaving.some(({ hash, run }) => run.exclusive && mayBeAlive(pass, hash));
  return goalOf(pass) === 'running' && stable?.run.exclusive !== true && target?.run.exclusive !== true && !isHeldUp;
}

/** Leaves no Instance alone any more when the policy is another, or the goal or target that this pass came to has no room for it. */
export function reviewSpared(pass: Pass): void {
  const { record, given } = pass;
  if (record.spared.length > 0 && (given.driftPolicy === 'correct' || !maySpare(pass))) record.spared = [];
}
