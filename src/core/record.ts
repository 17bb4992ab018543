/** The Record of a Service that is declared for the first time. */
import type { ServiceRecord } from '../model/record.ts';

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
    planGeneration: 0,
    conditions: [],
    commandId: 0,
    observedSnapshot: '',
    appliedSnapshot: '',
    createdAt: now,
  };
}
