/** The simulated Service as it stands in its manifest: what people change of it, and the Service that comes of that. */
import type { Revision } from '../model/revision.ts';
import type { Check, Health, Limits, Migration, Service } from '../model/service.ts';

export const serviceName = 'svc';
export const dependencyName = 'base';
export const partnerName = 'peer';

/** Of the whole run. */
export interface Habits {
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface Draft {
  revision: Revision;
  replicas: number;
  state: Service['state'];
  /** How often limits, and the settings of its migration, were changed. */
  limits: number;
  settings: number;
  /** 1: there is a performance check too. */
  checks: number;
  dependsOn: boolean;
  migration: Migration;
}

export function serviceOf(draft: Draft, habits: Habits, snapshot: string): Service {
  const { revision, replicas, state, dependsOn, limits, settings, checks, migration } = draft;
  return {
    name: serviceName,
    labels: {},
    annotations: {},
    formerly: null,
    description: '',
    tags: [],
    type: 'server',
    state,
    revision,
    replicas,
    affinity: 'session',
    limits: limitsOf(limits),
    dependsOn: dependsOn ? [{ service: dependencyName, condition: 'Ready' }] : [],
    expose: { tools: { allow: [], deny: [], rename: {} }, prefix: serviceName },
    health: healthOf(checks, habits),
    migration,
    specHash: `${revision.hash.slice(0, 8)}/${replicas}/${state}/${limits}/${settings}/${checks}/${dependsOn}`,
    origin: { source: 'folder', snapshot, file: 'svc.yaml', line: 1 },
  };
}

function healthOf(performance: number, { failureThreshold, successThreshold }: Habits): Health {
  const checks: Check[] = [
    { name: 'alive', type: 'basic', timeoutMs: 1_000 },
    { name: 'works', type: 'functional', timeoutMs: 1_000, tool: 'echo', arguments: {}, expect: {} },
  ];
  if (performance === 1) checks.push({ name: 'fast', type: 'performance', timeoutMs: 1_000, p95Ms: 500, errorRate: null, minCalls: 10 });
  return { intervalMs: 5_000, checks, failureThreshold, successThreshold };
}

/** Every change of limits is a larger callTimeout, so that what was promised to a call that has begun still holds. */
function limitsOf(changes: number): Limits {
  return {
    startTimeoutMs: 5_000,
    stopTimeoutMs: 3_000,
    drainTimeoutMs: 20_000,
    callTimeoutMs: 10_000 + changes,
    maxConcurrentCalls: 100 + changes,
  };
}
