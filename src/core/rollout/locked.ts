/**
 * What `fairlead.lock` says to a Rollout: the target of a locked Service gets calls only when it offers what was approved, or what
 * stable was promoted with, which its clients know already. A way back is not held up: what it was promoted with was approved then.
 */
import type { Service } from '../../model/service.ts';
import { serving } from '../instances.ts';
import { migrationOf, observed, rejectionOf, say, serviceOf, wantedReplicas, type Pass } from '../pass.ts';

/** Reason of a rejection for a Contract that nobody approved. */
export const notLocked = 'ContractNotLocked';

export interface Unlocked {
  /** Hash of what the target offers instead. */
  readonly contract: string;
  readonly message: string;
}

/** Whether what an Instance of a Service offers is approved: by the manifest that it comes with, or by the Lock of now. */
export function isApproved({ record }: Pass, { migration }: Service, contract: string): boolean {
  const { approved } = migration.contract;
  return (approved !== null && contract.startsWith(approved)) || record.desired?.lock?.contract === contract;
}

/** Whether the Lock lets calls through to the target: it is seen to offer something, and nothing but what it may. */
export function lockIsOpen(pass: Pass): boolean {
  return pass.record.desired?.lock === undefined || (offeredByTarget(pass).length > 0 && unapproved(pass) === undefined);
}

/** What the target offers and the Lock does not name; null while there is no such thing. */
export function lockFailure(pass: Pass): Unlocked | null {
  const lock = pass.record.desired?.lock;
  const contract = lock === undefined ? undefined : unapproved(pass);
  if (lock === undefined || contract === undefined) return null;
  const message = `its contract ${contract.slice(0, 12)} is not the one that fairlead.lock names, ${lock.contract.slice(0, 12)}`;
  return { contract, message };
}

/** What was taken back for its Contract is tried again as soon as that is approved, or the Service is locked no more. */
export function liftLockRejection(pass: Pass): void {
  const { record } = pass;
  const { revision, lock } = record.desired!;
  const rejection = rejectionOf(pass, revision.hash);
  if (rejection?.reason !== notLocked) return;
  if (lock !== undefined && (rejection.contract === undefined || !isApproved(pass, record.desired!, rejection.contract))) return;
  record.rejections = record.rejections.filter((other) => other !== rejection);
  const why = lock === undefined ? 'it is locked no more' : 'its contract is approved by now';
  say(pass, 'Normal', 'RejectionLifted', `${revision.name} is tried again: ${why}.`, { revision: revision.name });
}

/** Before its steps, and without any, an Instance more than there are ever to be is about to go, and says nothing. */
function offeredByTarget(pass: Pass): string[] {
  const { rollout, target } = pass.record;
  const { steps } = migrationOf(pass, target!.hash).canary;
  const bySteps = steps.flatMap((step) => (step.type === 'setReplicas' && rollout!.strategy === 'canary' ? step.replicas : []));
  const most = rollout!.direct === null && rollout!.phase !== 'Proving' ? Infinity : Math.max(wantedReplicas(pass, target!), ...bySteps);
  return serving(pass, target!.hash).flatMap(({ id, ordinal }) => (ordinal < most ? (observed(pass, id)?.contract ?? []) : []));
}

/** What the target offers and nobody approved, now or before; undefined while there is no such thing. */
function unapproved(pass: Pass): string | undefined {
  const { rollout, promoted, stableContract } = pass.record;
  const { target } = rollout!;
  const before = promoted.find(({ revision }) => revision.hash === target);
  // Promoted when nobody saw what it offers: there is nothing to hold it to.
  if (before?.contract === null) return undefined;
  const known = [stableContract, before?.contract];
  return offeredByTarget(pass).find((hash) => !known.includes(hash) && !isApproved(pass, serviceOf(pass.record, target), hash));
}
