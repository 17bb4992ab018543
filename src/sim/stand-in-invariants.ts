/** What must be so of those that stand in for stable after a rolling Rollout ended halfway. Names as in invariants.ts. */
import type { InstanceRecord, ServiceRecord } from '../model/record.ts';
import type { Verdict } from '../model/rollout.ts';
import { unavailableOf } from './strategy-invariants.ts';
import { goalOf, isOver, serviceFor, serving, wantedOf, type Invariant } from './terms.ts';

/** Ready Instances of Revisions whose latest Rollout was rolling and ended halfway, and that still serve. */
export function standInsOf({ instances, verdicts, leaving, stable, target, kept }: ServiceRecord): InstanceRecord[] {
  const others = [stable?.hash, target?.hash, kept?.revision.hash];
  const mayStandIn = (revision: string): boolean => {
    const left = leaving.find(({ hash }) => hash === revision && !others.includes(revision));
    const verdict = verdicts.find((one) => one.target === left?.name);
    return verdict !== undefined && endedHalfway(verdict);
  };
  return instances.filter(({ duty, provenAt, revision }) => duty === 'serve' && provenAt !== null && mayStandIn(revision));
}

/** What was taken back for what it offers may not stand in. */
function endedHalfway({ strategy, direct, result, reason }: Verdict): boolean {
  return strategy === 'rolling' && direct === null && result !== 'Promoted' && !forWhatItOffers.has(reason);
}
const forWhatItOffers = new Set(['ContractBreaking', 'ContractReview', 'ContractNotLocked']);

/** Whether what it offers may be a reason to send it away at once. */
function mayBeUnwanted(before: ServiceRecord, after: ServiceRecord): boolean {
  const isLocked = [before, after].some(({ desired }) => desired?.lock !== undefined);
  return isLocked || ['breaking', 'review'].includes(before.rollout?.contract?.class ?? '');
}

/** Why calls may not be shared so with a Revision that is neither stable nor target; null when they may. */
export function unfairShare(record: ServiceRecord, revision: string, share: number): string | null {
  const { stable, route } = record;
  const standIns = standInsOf(record);
  const own = standIns.filter((instance) => instance.revision === revision).length;
  if (own === 0 || stable === null) return `calls go to ${revision.slice(0, 8)}, neither stable nor target`;
  const whole = Object.entries(route!.weights).reduce((sum, [hash, weight]) => sum + (hash === record.rollout?.target ? 0 : weight), 0);
  const fair = (whole * own) / (serving(record, stable.hash, true).length + standIns.length);
  return Math.abs(share - fair) <= 1 ? null : `${share} % to ${own} that stand in for stable, ${fair} % would be fair`;
}

/** [7] Whoever stands in goes when stable has its own again, and no earlier. */
const standInsBridge: Invariant = ({ before, after, observation }) => {
  const { stable, rollout } = after;
  if (before === null || stable === null || before.stable?.hash !== stable.hash || goalOf(after) !== 'running') return null;
  const wanted = wantedOf(after, stable.hash);
  const ready = serving(after, stable.hash, true).length;
  const stay = standInsOf(after);
  if (stay.length > Math.max(0, wanted - ready)) return `${stay.length} stand in for stable, of which ${ready} of ${wanted} are ready`;
  if (rollout?.direct === 'exclusive' || before.desired?.replicas !== after.desired?.replicas) return null;
  const [verdict] = after.verdicts.filter(({ number }) => number === before.rollout?.number);
  const justEnded = verdict !== undefined && endedHalfway(verdict) && !mayBeUnwanted(before, after);
  const tookOver = justEnded && before.rollout!.step > 0 ? serving(before, before.rollout!.target, true) : [];
  const sent = [...standInsOf(before), ...tookOver].filter(({ id, revision }) => {
    if (revision === rollout?.target || after.instances.some((instance) => instance.id === id && instance.duty === 'serve')) return false;
    const seen = observation?.instances.find((one) => one.id === id);
    return observation?.hostId === before.hostId && !isOver(seen, after);
  });
  if (sent.length === 0) return null;
  const rolls = rollout?.strategy === 'rolling' && rollout.direct === null;
  const replaced = rolls ? Math.min(rollout.step, serving(after, rollout.target, true).length) : 0;
  const fewest = rolls ? Math.min(wanted, wantedOf(after, rollout.target)) : wanted;
  const floor = rolls ? fewest - unavailableOf(after.desired!.migration.rolling, fewest, rollout.step) : wanted;
  const left = ready + stay.length + replaced;
  return left >= floor
    ? null
    : `${sent.map(({ id }) => id).join(', ')} stood in for stable and was sent away, ${left} ready of ${floor} at least`;
};

/** What does its work wrongly stands in for nobody. */
const standInsPassTheirChecks: Invariant = ({ after, observation }) => {
  for (const { id, revision } of standInsOf(after)) {
    const { failureThreshold } = serviceFor(after, revision)!.health;
    const seen = observation?.instances.find((one) => one.id === id);
    const failed = seen?.checks.find(({ type, failsInARow }) => type === 'functional' && failsInARow >= failureThreshold);
    if (seen?.phase === 'connected' && failed !== undefined) return `${id} stands in for stable though check ${failed.name} fails`;
  }
  return null;
};

/** Sessions do not stay with what was taken back from them. */
const takenBackKeepsNobody: Invariant = ({ after, now }) => {
  for (const { hash, name } of after.leaving) {
    const verdict = after.verdicts.find(({ target }) => target === name);
    const takenBack = verdict !== undefined && verdict.weight > 0 && (verdict.result === 'RolledBack' || verdict.result === 'Aborted');
    if (!takenBack || hash === after.target?.hash || !after.rejections.some(({ revision }) => revision === hash)) continue;
    const retiring = after.instances.find(({ revision, duty, dutySince }) => revision === hash && duty === 'retire' && dutySince === now);
    if (retiring !== undefined) return `${retiring.id} was taken back and keeps its sessions`;
  }
  return null;
};

export const standInInvariants = { standInsBridge, standInsPassTheirChecks, takenBackKeepsNobody };
