/**
 * Stand-ins: Instances of a rolling target whose Rollout ended halfway. They have taken over from Instances of stable, so they
 * go on getting stable's calls until as many of its own are ready again: nobody who is ready is sent away before by our hand.
 * What offers other things than were approved stands in for nobody.
 */
import type { InstanceRecord } from '../../model/record.ts';
import type { RolloutResult } from '../../model/rollout.ts';
import { leftOf, provenOrdinals, serving, setDuty } from '../instances.ts';
import { rejectionOf, type Pass } from '../pass.ts';
import { gateFailure } from './gate.ts';
import { lockFailure } from './locked.ts';

/** Whether Instances of the target have taken over from stable's in the Rollout that ends so, and may go on with it. */
export function standsIn(pass: Pass, result: RolloutResult): boolean {
  const { strategy, direct, step, stable } = pass.record.rollout!;
  const tookOver = strategy === 'rolling' && direct === null && step > 0 && stable !== null;
  return tookOver && result !== 'Promoted' && gateFailure(pass) === null && lockFailure(pass) === null;
}

/** Keeps as many as are missing to `wanted` ready Instances of stable, and sends the others away; answers those that stay. */
export function keepStandIns(pass: Pass, wanted: number): readonly InstanceRecord[] {
  const { stable } = pass.record;
  const all = leftOf(pass).flatMap(({ hash }) => serving(pass, hash));
  if (all.length === 0) return [];
  const missing = stable === null ? 0 : Math.max(0, wanted - readyOf(pass, stable.hash, wanted));
  const stay = all.filter(({ provenAt }) => provenAt !== null).slice(0, missing);
  for (const instance of all)
    if (!stay.includes(instance)) setDuty(pass, instance, rejectionOf(pass, instance.revision) === undefined ? 'retire' : 'drain');
  return stay;
}

/** Ready Instances of stable that are among those that are to stay. */
function readyOf(pass: Pass, stable: string, wanted: number): number {
  return provenOrdinals(pass, stable).filter((ordinal) => ordinal < wanted).length;
}

/** What stable, of which `wanted` Instances are to stay, would get, shared with those that stand in for it by the number of Instances. */
export function shareWithStandIns(
  pass: Pass,
  weights: Readonly<Record<string, number>>,
  standIns: readonly InstanceRecord[],
  wanted: number,
): Record<string, number> {
  const { stable } = pass.record;
  const share = stable === null ? 0 : (weights[stable.hash] ?? 0);
  if (share === 0 || standIns.length === 0) return { ...weights };
  const ready = readyOf(pass, stable!.hash, wanted) + standIns.length;
  const shared: Record<string, number> = { ...weights };
  let left = share;
  for (const hash of new Set(standIns.map(({ revision }) => revision))) {
    const count = standIns.filter(({ revision }) => revision === hash).length;
    shared[hash] = Math.round((share * count) / ready);
    left -= shared[hash];
  }
  delete shared[stable!.hash];
  return left > 0 ? { [stable!.hash]: left, ...shared } : shared;
}
