/** What must be so of a locked Service: its target gets calls for what was approved or known alone, and another Lock moves nothing else. */
import type { InstanceRecord, Rejection, ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';
import { goalOf, manifestAtEnd, promotion, reachable, retried, serviceFor, serving, type Invariant, type Judged } from './terms.ts';

const notLocked = 'ContractNotLocked';

/** Whether the Lock of the newest declaration, or a manifest, approves a Contract. */
export function isApproved({ desired }: ServiceRecord, manifest: Service | null, contract: string): boolean {
  const approved = manifest?.migration.contract.approved ?? null;
  return desired?.lock?.contract === contract || (approved !== null && contract.startsWith(approved));
}

/** Whether a target may be called for what it offers: that is approved, or clients have it from before. */
function mayOffer({ before, after }: Judged, target: string, manifest: Service | null, contract: string): boolean {
  if (isApproved(after, manifest, contract)) return true;
  const earlier = [before, after].flatMap((record) => record?.promoted.find(({ revision }) => revision.hash === target) ?? []);
  const known = [before?.stableContract, ...earlier.map((promoted) => promoted.contract)];
  if (before?.rollout?.number === after.rollout?.number) known.push(after.stableContract);
  return known.includes(contract) || earlier.some((promoted) => promoted.contract === null);
}

/** Contracts that Instances are seen to offer. */
function offeredBy(instances: readonly InstanceRecord[], { observation }: Judged): string[] {
  return instances.flatMap(({ id }) => observation?.instances.find((seen) => seen.id === id)?.contract ?? []);
}

/** Calls of clients, and those that are mirrored. */
function callsTo(record: ServiceRecord | null, revision: string): number {
  const route = record?.route ?? null;
  if (route === null || route.hold) return 0;
  return (route.weights[revision] ?? 0) + (route.shadow?.revision === revision ? route.shadow.percent : 0);
}

/** What the target of a locked Service offers and must not be called for; undefined: there is no such thing to be seen. */
function unlockedOffer(judged: Judged): string | undefined {
  const { after } = judged;
  if (after.rollout === null || after.desired?.lock === undefined) return undefined;
  const { target } = after.rollout;
  const manifest = serviceFor(after, target);
  return offeredBy(serving(after, target, false), judged).find((contract) => !mayOffer(judged, target, manifest, contract));
}

/** Calls begin and grow only for what is seen, and seen to be approved. On a first deployment they end as well. */
const onlyLockedGetsCalls: Invariant = (judged) => {
  const { before, after } = judged;
  if (after.rollout === null || after.desired?.lock === undefined) return null;
  const { target, stable } = after.rollout;
  const [was, is] = [callsTo(before, target), callsTo(after, target)];
  const offer = unlockedOffer(judged);
  if (offer !== undefined && is > (stable === null ? 0 : was)) return `calls go to a target that offers ${offer}, which nobody approved`;
  const begins = was === 0 && is > 0;
  return begins && offeredBy(serving(after, target, false), judged).length === 0
    ? 'calls go to a locked target before it is seen what it offers'
    : null;
};

const onlyLockedIsPromoted: Invariant = (judged) => {
  const { after, before } = judged;
  const rollout = promotion(judged);
  const contract = after.promoted[0]?.contract ?? null;
  if (rollout === null || contract === null || after.desired?.lock === undefined) return null;
  const manifest = manifestAtEnd(judged, rollout.target);
  const earlier = before!.promoted.find(({ revision }) => revision.hash === rollout.target);
  if (isApproved(after, manifest, contract) || earlier?.contract === null) return null;
  if ([before!.stableContract, earlier?.contract].includes(contract)) return null;
  return `${contract} is promoted, and nobody approved it`;
};

/** Once it has been compared with what stable offers, where that is asked for. */
const unlockedIsTakenBack: Invariant = (judged) => {
  const { after } = judged;
  const { rollout, stableContract } = after;
  const offer = unlockedOffer(judged);
  if (offer === undefined || rollout!.stable === null || goalOf(after) !== 'running') return null;
  if (!serviceFor(after, rollout!.target)!.migration.rollback.automatic) return null;
  const compared = rollout!.direct !== null || stableContract === null || rollout!.contract !== null;
  return compared ? `its target goes on with ${offer}, which nobody approved` : null;
};

/** A first deployment has nothing to go back to: it says whom it waits for. */
const firstWaitsForSomebody: Invariant = (judged) => {
  const { rollout } = judged.after;
  if (rollout?.stable !== null || goalOf(judged.after) !== 'running' || unlockedOffer(judged) === undefined) return null;
  return rollout.waitsOn === 'person' || rollout.phase === 'Swapping' ? null : `it waits for ${rollout.waitsFor} rather than to be locked`;
};

/** Whether what a Revision was taken back for is approved by now, or the Service is locked no more. */
export function mayBeTriedAgain(record: ServiceRecord, { revision, reason, contract }: Rejection): boolean {
  const { desired } = record;
  if (reason !== notLocked || desired?.revision.hash !== revision) return false;
  return desired.lock === undefined || (contract !== undefined && isApproved(record, desired, contract));
}

const notLockedIsTrue: Invariant = (judged) => {
  const { before, after } = judged;
  const fresh = after.rejections.filter((rejection) => rejection.reason === notLocked && !before?.rejections.includes(rejection));
  // A Lock that approves what stable has drifted to is no word for what it was promoted with.
  const known = before === null ? null : { ...before, stableContract: after.stableContract };
  const atEnd = { ...judged, before: known, after: { ...after, rollout: null } };
  for (const { name, revision, contract } of fresh) {
    if (after.desired?.lock === undefined) return `${name} was taken back, and the service is not locked`;
    if (contract === undefined) return `${name} was taken back, and it is not said for what contract`;
    const [verdict] = after.verdicts;
    if (verdict?.direct === null && verdict.contract === null && after.stableContract !== null)
      return `${name} was taken back for ${contract}, and nobody has compared it`;
    if (mayOffer(atEnd, revision, manifestAtEnd(judged, revision), contract))
      return `${name} was taken back for ${contract}, which it may offer`;
    const offers = judged.observation?.instances.some((seen) => seen.revision === revision && seen.contract === contract);
    if (offers !== true) return `${name} was taken back for ${contract}, which it is not seen to offer`;
  }
  return null;
};

/** When and only when that may be; `retry` forgets everything. */
const liftedWhenLocked: Invariant = ({ before, after, desired }) => {
  if (before === null || retried(desired, before) || goalOf(after) !== 'running') return null;
  const wanted = after.desired!.revision.hash;
  const was = before.rejections.find(({ revision, reason }) => revision === wanted && reason === notLocked);
  if (was === undefined) return null;
  const due = mayBeTriedAgain(after, was);
  const stays = after.rejections.includes(was);
  if (due && stays) return `${was.name} is still rejected, and ${was.contract} is approved or not locked`;
  return !due && !after.rejections.some(({ revision }) => revision === wanted)
    ? `${was.name} is tried again, and nobody approved ${was.contract}`
    : null;
};

/** What begins with another Lock alone would have begun with the one before too, but for what was taken back for it. */
const lockAloneBeginsNothing: Invariant = ({ decide, before, after, desired, observation, now, decision }) => {
  const { declaration } = desired;
  if (before === null || before.desired === null || before.rollout !== null || declaration.kind !== 'declared') return null;
  const { desired: was } = before;
  const isAlone = after.rolloutCount > before.rolloutCount && was.revision.hash === after.desired!.revision.hash;
  if (!isAlone || was.lock?.contract === after.desired!.lock?.contract) return null;
  if (decision.events.some(({ reason }) => reason === 'RejectionLifted')) return null;
  const { lock: _, ...unlocked } = declaration.service;
  const service = was.lock === undefined ? unlocked : { ...unlocked, lock: was.lock };
  const { record } = decide({ ...desired, declaration: { kind: 'declared', service } }, before, observation, now);
  return record!.rolloutCount > before.rolloutCount ? null : 'another lock alone has begun a rollout';
};

const lockedIsNoDrift: Invariant = (judged) => {
  const { stable, stableContract, desired } = judged.after;
  const lock = desired?.lock?.contract;
  if (stable === null || lock === undefined || lock === stableContract || goalOf(judged.after) !== 'running') return null;
  const offered = offeredBy(reachable(judged.after, stable.hash), judged);
  return offered.length > 0 && offered.every((contract) => contract === lock)
    ? `stable offers ${lock}, which is locked, and it is not taken over`
    : null;
};

export const lockAlways = { unlockedIsTakenBack, liftedWhenLocked, lockedIsNoDrift };
export const lockInvariants = { onlyLockedGetsCalls, onlyLockedIsPromoted, firstWaitsForSomebody, notLockedIsTrue, lockAloneBeginsNothing };
