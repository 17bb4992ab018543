/** The terms that invariants and end states are said in: what they are told of a Decision, and questions to a Record. */
import type { Decide, Decision } from '../core/decide.ts';
import type { CommandKind } from '../model/command.ts';
import type { Desired } from '../model/desired.ts';
import type { Observation, ObservedInstance } from '../model/observation.ts';
import type { InstanceRecord, ServiceRecord } from '../model/record.ts';
import type { Rollout } from '../model/rollout.ts';
import type { CanaryStep, Service } from '../model/service.ts';
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

/** Those that new sessions come to: also what is sent away, until the Host has been seen to follow. */
export function reachable({ instances }: ServiceRecord, revision: string): InstanceRecord[] {
  const isReachable = ({ duty, dutySeenAt }: InstanceRecord): boolean => duty === 'serve' || (duty === 'retire' && dutySeenAt === null);
  return instances.filter((instance) => instance.revision === revision && isReachable(instance));
}

/** The manifest that a Rollout which ended in this pass was judged by. */
export function manifestAtEnd({ before, after }: Judged, target: string): Service | null {
  return target === after.desired?.revision.hash ? after.desired : serviceFor(before!, target);
}

/** The manifest that a Revision is run by: the newest for the target that it declares, else the one it was promoted with. */
export function serviceFor({ desired, stable, stableService, target, promoted }: ServiceRecord, revision: string): Service | null {
  if (revision === target?.hash && revision === desired?.revision.hash) return desired;
  if (revision === stable?.hash) return stableService ?? desired;
  return promoted.find((promotion) => promotion.revision.hash === revision)?.service ?? stableService ?? desired;
}

/** Replicas of a Revision: the target's by the newest manifest, stable's by the one it was promoted with. */
export function wantedOf(record: ServiceRecord, revision: string): number {
  const { stable, target } = record;
  const { replicas } = serviceFor(record, revision) ?? { replicas: 0 };
  const exclusive = [stable, target].some((known) => known?.hash === revision && known.run.exclusive);
  return exclusive ? Math.min(1, replicas) : replicas;
}

export function isOver(seen: ObservedInstance | undefined, { desired }: ServiceRecord): boolean {
  if (seen === undefined) return false;
  const threshold = desired?.health.failureThreshold ?? 1;
  return seen.phase === 'ended' || seen.checks.some(({ failsInARow, errorsInARow }) => failsInARow >= threshold || errorsInARow >= 4);
}

/** The Host follows the Plan, and has nothing of an Instance in it. */
export function isLost({ planGeneration }: ServiceRecord, observation: Observation | null, id: string): boolean {
  return observation?.planGeneration === planGeneration && !observation.instances.some((seen) => seen.id === id);
}

export function inBackOff({ restarts }: ServiceRecord, revision: string, now: number): boolean {
  return restarts.some((restart) => restart.revision === revision && restart.notBefore > now);
}

/** Whether a command of one of these kinds is taken in this pass. */
export function commanded({ commands }: Desired, before: ServiceRecord | null, ...kinds: readonly CommandKind[]): boolean {
  return commands.some(({ id, kind }) => kinds.includes(kind) && id > (before?.commandId ?? 0));
}

export function retried(desired: Desired, before: ServiceRecord): boolean {
  return commanded(desired, before, 'retry');
}

/** A Rollout that was under way before the pass and still is: as it stood, and as it stands. */
export function ongoing({ before, after }: Judged): { readonly was: Rollout; readonly is: Rollout } | null {
  const [was, is] = [before?.rollout ?? null, after.rollout];
  return was !== null && is !== null && was.number === is.number ? { was, is } : null;
}

/** Whether this pass has promoted a Revision, and by which Rollout as it stood before. */
export function promotion({ before, after }: Judged): Rollout | null {
  const [verdict] = after.verdicts;
  const fresh = verdict !== undefined && verdict.number > (before?.verdicts[0]?.number ?? 0);
  return fresh && verdict.result === 'Promoted' && before?.rollout?.number === verdict.number ? before.rollout : null;
}

/** The steps that a Rollout goes by; none for any but a canary that is not direct. */
export function stepsOf(rollout: Rollout, { desired }: ServiceRecord): readonly CanaryStep[] {
  return rollout.strategy === 'canary' && rollout.direct === null ? (desired?.migration.canary.steps ?? []) : [];
}

export function weightOf({ route }: ServiceRecord, revision: string): number {
  return route?.weights[revision] ?? 0;
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
