/** What must be so of those that stand in for stable after a rolling Rollout was superseded halfway. Names as in invariants.ts. */
import type { InstanceRecord, ServiceRecord } from '../model/record.ts';
import { unavailableOf } from './strategy-invariants.ts';
import { goalOf, isOver, serving, wantedOf, type Invariant } from './terms.ts';

/** Ready Instances of Revisions that were superseded in a rolling Rollout, and still serve. */
export function standInsOf({ instances, verdicts, leaving, stable, target, kept }: ServiceRecord): InstanceRecord[] {
  const superseded = new Set(
    verdicts
      .filter(({ result, strategy, direct }) => result === 'Superseded' && strategy === 'rolling' && direct === null)
      .map((v) => v.target),
  );
  const others = [stable?.hash, target?.hash, kept?.revision.hash];
  const mayStandIn = (revision: string): boolean =>
    !others.includes(revision) && leaving.some(({ hash, name }) => hash === revision && superseded.has(name));
  return instances.filter(({ duty, provenAt, revision }) => duty === 'serve' && provenAt !== null && mayStandIn(revision));
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
  const justSuperseded = verdict?.result === 'Superseded' && before.rollout!.strategy === 'rolling' && before.rollout!.direct === null;
  const tookOver = justSuperseded && before.rollout!.step > 0 ? serving(before, before.rollout!.target, true) : [];
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

export const standInInvariants = { standInsBridge };
