/**
 * One pass of the heart under way: what it was given, and the Record it is making. Everything in core/ reads and
 * replaces members of `record`; nothing here outlives the pass. Arrays are replaced, never changed in place.
 */
import type { Command } from '../model/command.ts';
import type { Desired } from '../model/desired.ts';
import type { EventDraft } from '../model/event.ts';
import type { Observation, ObservedInstance } from '../model/observation.ts';
import type { Promotion, Rejection, ServiceRecord } from '../model/record.ts';
import type { Revision } from '../model/revision.ts';
import type { Migration, Service } from '../model/service.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What the Service is to become, from its declaration and the commands so far. */
export type Goal = 'running' | 'stopped' | 'draft' | 'removed' | 'unknown-spec';

export interface Pass {
  readonly given: Desired;
  readonly before: ServiceRecord | null;
  readonly observation: Observation | null;
  readonly now: number;
  readonly record: Mutable<ServiceRecord>;
  readonly events: EventDraft[];
  /** Commands to a Rollout that came while none was under way: one may yet begin in this pass. */
  readonly early: Command[];
  wakeAt: number | null;
}

export function goalOf({ record }: Pass): Goal {
  if (record.deleting) return 'removed';
  if (record.desired === null) return 'unknown-spec';
  if (record.desired.state === 'Draft') return 'draft';
  return record.desired.state === 'Inactive' ? 'stopped' : 'running';
}

/** Asks to be called again at `at` at the latest; instants that have passed need no call. */
export function wake(pass: Pass, at: number): void {
  if (at > pass.now && (pass.wakeAt === null || at < pass.wakeAt)) pass.wakeAt = at;
}

export function say(
  pass: Pass,
  type: EventDraft['type'],
  reason: string,
  message: string,
  more: { revision?: string | null; actor?: EventDraft['actor'] } = {},
): void {
  pass.events.push({
    service: pass.record.service,
    type,
    reason,
    message,
    at: pass.now,
    revision: more.revision ?? null,
    snapshot: pass.record.observedSnapshot === '' ? null : pass.record.observedSnapshot,
    actor: more.actor ?? 'controller',
  });
}

export function observed(pass: Pass, instanceId: string): ObservedInstance | undefined {
  return pass.observation?.instances.find((instance) => instance.id === instanceId);
}

/**
 * The Revision that a Service would run when everything went well: what its manifest says, or, where that and stable too were
 * taken back, what it falls back to.
 */
export function wantedRevision(pass: Pass): Revision {
  const { stable, desired } = pass.record;
  const declared = desired!.revision;
  const nothingGood = [declared, stable].every((revision) => revision !== null && rejectionOf(pass, revision.hash) !== undefined);
  return (nothingGood ? fallbackOf(pass)?.revision : undefined) ?? declared;
}

/** The Revision promoted before stable, unless it was taken back itself. */
export function fallbackOf(pass: Pass): Promotion | null {
  const { promoted, stable } = pass.record;
  const before = promoted.find(({ revision }) => revision.hash !== stable?.hash);
  return before === undefined || rejectionOf(pass, before.revision.hash) !== undefined ? null : before;
}

/** Whether the Rollout under way goes back from what the manifest says, be it exclusive or not: it waits for no group, and fails with none. */
export function fallsBack({ record }: Pass): boolean {
  return record.rollout!.target !== record.desired!.revision.hash;
}

/** The Service as declared with a Revision: the newest manifest for what it declares, the one it was promoted with for others. */
export function serviceOf(record: ServiceRecord, revisionHash: string): Service {
  const { desired, stable, stableService, target, promoted } = record;
  if (revisionHash === target?.hash && revisionHash === desired?.revision.hash) return desired;
  if (revisionHash === stable?.hash) return (stableService ?? desired)!;
  const promotion = promoted.find(({ revision }) => revision.hash === revisionHash);
  return (promotion?.service ?? stableService ?? desired)!;
}

/** How a Revision is moved in: as the manifest says that it comes with. */
export function migrationOf({ record }: Pass, revisionHash: string): Migration {
  return serviceOf(record, revisionHash).migration;
}

/** Hash of the Contract that a Revision's first connected Instance offers; null while none is known. */
export function contractOf(pass: Pass, revisionHash: string): string | null {
  const offering = pass.observation?.instances.filter(({ revision, contract }) => revision === revisionHash && contract !== null) ?? [];
  const planned = pass.record.instances.find(({ id }) => offering.some((seen) => seen.id === id));
  return offering.find(({ id }) => id === planned?.id)?.contract ?? null;
}

/** Instances of a Revision that there should be; two of an exclusive one cannot live side by side. */
export function wantedReplicas(pass: Pass, revision: Revision): number {
  const { replicas } = serviceOf(pass.record, revision.hash);
  return revision.run.exclusive ? Math.min(1, replicas) : replicas;
}

export function dependenciesReady(pass: Pass): boolean {
  return pass.record.desired!.dependsOn.every(({ service }) => pass.given.dependencies[service]?.ready === true);
}

export function rejectionOf(pass: Pass, revisionHash: string): Rejection | undefined {
  return pass.record.rejections.find((rejection) => rejection.revision === revisionHash);
}

/** A Revision's name by its hash, also where nothing more is known of it. */
export function revisionName({ service, stable, target, promoted, leaving }: ServiceRecord, hash: string): string {
  const known = [stable, target, ...promoted.map(({ revision }) => revision), ...leaving].find((revision) => revision?.hash === hash);
  return known?.name ?? `${service}-${hash.slice(0, 8)}`;
}
