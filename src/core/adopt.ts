/** Records that change hands: a renamed Service takes over the old one's, a re-declared one gets its archived one back. */
import type { ServiceRecord } from '../model/record.ts';

/** The Record of a Service renamed to `service`: Instances, stable Revision and history go on under the new name. */
export function adopt(record: ServiceRecord, service: string): ServiceRecord {
  return { ...record, service, deleting: false };
}

/** The Record that a Service declared again starts from: its history, but nothing of it running. */
export function restoreArchived(record: ServiceRecord, now: number): ServiceRecord {
  return {
    ...record,
    state: 'Inactive',
    stateSince: now,
    health: 'UNKNOWN',
    deleting: false,
    suspended: false,
    target: null,
    leaving: [],
    rollout: null,
    instances: [],
    restarts: [],
    route: null,
  };
}
