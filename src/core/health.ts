/** Health: of an Instance from its checks, of a Service from its Instances. Separate from the lifecycle. */
import type { ObservedInstance } from '../model/observation.ts';
import type { HealthState, InstanceRecord } from '../model/record.ts';
import type { Health } from '../model/service.ts';
import { isDown, readyCount, serving } from './instances.ts';
import { goalOf, observed, say, serviceOf, wantedReplicas, type Pass } from './pass.ts';

/** HEALTHY: proven, no check down. DEGRADED: proven, some check down. DOWN: not proven though it should be. UNKNOWN: not checked yet. */
export function instanceHealth(instance: InstanceRecord, seen: ObservedInstance | undefined, health: Health): HealthState {
  if (instance.provenAt === null) return seen === undefined || seen.phase === 'starting' ? 'UNKNOWN' : 'DOWN';
  return seen?.checks.some((result) => isDown(result, health)) === true ? 'DEGRADED' : 'HEALTHY';
}

/** All Instances that stable should have are HEALTHY: HEALTHY. None proven: DOWN. Else DEGRADED. None wanted: UNKNOWN. Without word from the Host: as it was. */
export function judgeHealth(pass: Pass): void {
  const { record } = pass;
  const next = serviceHealth(pass);
  if (next === record.health) return;
  const bad = next === 'DOWN' || next === 'DEGRADED';
  say(pass, bad ? 'Warning' : 'Normal', 'HealthChanged', `${record.health} → ${next}`, { revision: record.stable?.name ?? null });
  record.health = next;
}

function serviceHealth(pass: Pass): HealthState {
  const { record, observation } = pass;
  const { stable } = record;
  if (goalOf(pass) !== 'running' || stable === null) return 'UNKNOWN';
  if (observation === null) return record.health;
  const proven = serving(pass, stable.hash).filter(({ provenAt }) => provenAt !== null);
  if (readyCount(pass) === 0 && wantedReplicas(pass, stable) === 0) return 'UNKNOWN';
  if (readyCount(pass) === 0) return record.health === 'UNKNOWN' && record.restarts.length === 0 ? 'UNKNOWN' : 'DOWN';
  const enough = readyCount(pass) >= wantedReplicas(pass, stable);
  const { health } = serviceOf(record, stable.hash);
  const well = proven.every((instance) => instanceHealth(instance, observed(pass, instance.id), health) === 'HEALTHY');
  return enough && well ? 'HEALTHY' : 'DEGRADED';
}
