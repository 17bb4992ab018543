/** The terms that invariants and end states are said in: what they are told of a Decision, and questions to a Record. */
import type { Decide, Decision } from '../core/decide.ts';
import type { Desired } from '../model/desired.ts';
import type { Observation, ObservedInstance } from '../model/observation.ts';
import type { InstanceRecord, ServiceRecord } from '../model/record.ts';
import type { World } from './world.ts';

export interface Pass {
  readonly decide: Decide;
  readonly desired: Desired;
  readonly before: ServiceRecord | null;
  readonly observation: Observation | null;
  readonly now: number;
  readonly decision: Decision;
}

/** A Pass that left a Record. */
export interface Judged extends Pass {
  readonly after: ServiceRecord;
  readonly world: World;
}

/** What is wrong, or null. */
export type Invariant = (judged: Judged) => string | null;
export function goalOf({ deleting, desired }: ServiceRecord): 'removed' | 'unknown-spec' | 'stopped' | 'running' {
  if (deleting) return 'removed';
  if (desired === null) return 'unknown-spec';
  return desired.state === 'Active' ? 'running' : 'stopped';
}

export function serving({ instances }: ServiceRecord, revision: string, proven: boolean): InstanceRecord[] {
  return instances.filter(
    (instance) => instance.revision === revision && instance.duty === 'serve' && (!proven || instance.provenAt !== null),
  );
}

/** Replicas of a Revision: the target's by the newest manifest, stable's by the one it was promoted with. */
export function wantedOf({ desired, stable, stableService, target }: ServiceRecord, revision: string): number {
  const replicas = (revision === target?.hash ? desired : (stableService ?? desired))?.replicas ?? 0;
  const exclusive = [stable, target].some((known) => known?.hash === revision && known.run.exclusive);
  return exclusive ? Math.min(1, replicas) : replicas;
}

export function isOver(seen: ObservedInstance | undefined, { desired }: ServiceRecord): boolean {
  if (seen === undefined) return false;
  const threshold = desired?.health.failureThreshold ?? 1;
  return seen.phase === 'ended' || seen.checks.some(({ failsInARow, errorsInARow }) => failsInARow >= threshold || errorsInARow >= 4);
}

export function inBackOff({ restarts }: ServiceRecord, revision: string, now: number): boolean {
  return restarts.some((restart) => restart.revision === revision && restart.notBefore > now);
}

export function retried({ commands }: Desired, before: ServiceRecord): boolean {
  return commands.some(({ id, kind }) => kind === 'retry' && id > before.commandId);
}

export function conditionOf({ conditions }: ServiceRecord, type: string): string {
  return conditions.find((condition) => condition.type === type)?.status ?? 'Unknown';
}

export function numberOf(snapshot: string): number {
  return Number(snapshot.slice('snapshot-'.length)) || 0;
}

export function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

export function changedMembers(a: ServiceRecord, b: ServiceRecord | null): string[] {
  if (b === null) return ['everything'];
  return Object.keys(a).filter((key) => a[key as keyof ServiceRecord] !== b[key as keyof ServiceRecord]);
}
