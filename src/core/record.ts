/** Records: one for a Service that is declared for the first time, and whether two are the same. */
import type { ServiceRecord } from '../model/record.ts';

/** Whether two Records hold the very same members. */
export function isSameRecord(a: ServiceRecord, b: ServiceRecord): boolean {
  for (const key in b) if (a[key as keyof ServiceRecord] !== b[key as keyof ServiceRecord]) return false;
  return true;
}

/** Members that Records of earlier versions lack. */
const laterMembers = { drifts: [], spared: [], planRepeatedAt: null } as const;

/** A stored Record, with the members that were unknown when it was written. */
export function completed(record: ServiceRecord): ServiceRecord {
  return { ...laterMembers, ...record };
}

export function newRecord(service: string, now: number): ServiceRecord {
  return {
    service,
    generation: 0,
    state: 'Draft',
    stateSince: now,
    health: 'UNKNOWN',
    desired: null,
    suspended: false,
    deleting: false,
    hostId: '',
    stable: null,
    stableService: null,
    stableContract: null,
    drift: null,
    quarantine: [],
    ...laterMembers,
    kept: null,
    promoted: [],
    target: null,
    leaving: [],
    rollout: null,
    rolloutCount: 0,
    verdicts: [],
    rejections: [],
    instances: [],
    nextIncarnation: 1,
    restarts: [],
    route: null,
    routePlan: 0,
    planGeneration: 0,
    conditions: [],
    commandId: 0,
    observedSnapshot: '',
    appliedSnapshot: '',
    createdAt: now,
  };
}
