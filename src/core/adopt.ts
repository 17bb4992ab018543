/** Records that change hands: a renamed Service takes over the old one's, a re-declared one gets its archived one back. */
import type { ServiceRecord } from '../model/record.ts';
import { newRecord } from './record.ts';

/**
 * The Record of a Service renamed to `service`: Instances, stable Revision and history go on under the new name.
 * `earlier`: what the archive holds of that name; no id that was used by then is used again.
 */
export function adopt(record: ServiceRecord, service: string, earlier: ServiceRecord | null): ServiceRecord {
  const nextIncarnation = Math.max(record.nextIncarnation, earlier?.nextIncarnation ?? 0);
  return { ...record, service, deleting: false, nextIncarnation };
}

/** What goes to the archive under the name that a renamed Service had: Instances live on under ids of that name, and those must not come twice. */
export function leaveBehind({ service, nextIncarnation, planGeneration }: ServiceRecord, now: number): ServiceRecord {
  return { ...newRecord(service, now), nextIncarnation, planGeneration };
}

/**
 * The Record that a Service declared again starts from: its history, but nothing of it running, a Plan newer than the one the Host
 * forgot, and no Snapshot observed yet: the one that declares it again is another. Who declares it anew wants it tried anew: what was
 * taken back before is not held against it.
 */
export function restoreArchived(record: ServiceRecord, now: number): ServiceRecord {
  return {
    ...record,
    state: 'Inactive',
    stateSince: now,
    health: 'UNKNOWN',
    deleting: false,
    observedSnapshot: '',
    suspended: false,
    rejections: [],
    target: null,
    leaving: [],
    rollout: null,
    kept: null,
    drift: null,
    drifts: [],
    spared: [],
    planRepeatedAt: null,
    quarantine: [],
    instances: [],
    restarts: [],
    route: null,
    planGeneration: record.planGeneration + 1,
  };
}
