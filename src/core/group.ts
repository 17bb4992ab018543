/** How a Service stands for another one of its `releaseTogether` group. */
import type { GroupMember } from '../model/desired.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';

/** Reason of a rejection for another member's sake. */
export const groupRejected = 'GroupRejected';

/**
 * `declared`: what its manifest says now; null when it is gone or not valid. `other`: the Service that asks, with the
 * Snapshot that last changed its manifest: what was promoted in one release with it is `going`, not `settled`.
 */
export function standOf(
  record: ServiceRecord | null,
  declared: Service | null,
  other: { readonly service: string; readonly snapshot: string },
): GroupMember['stands'] {
  if (declared === null || declared.state !== 'Active') return 'settled';
  if (record === null) return 'moving';
  if (record.suspended || record.deleting) return 'settled';
  const { hash } = declared.revision;
  const rejection = record.rejections.find(({ revision }) => revision === hash);
  // What was taken back for another one's sake comes along again when that one moves.
  if (rejection !== undefined) return rejection.reason === groupRejected ? 'moving' : 'rejected';
  const { rollout } = record;
  if (rollout === null && record.stable?.hash === hash)
    return record.promoted[0]?.together?.[other.service] === other.snapshot ? 'going' : 'settled';
  if (rollout === null && waitsFor(record, declared, other.service)) return 'ready';
  if (rollout?.target !== hash) return 'moving';
  if (rollout.released) return 'going';
  return rollout.phase === 'Gathering' ? 'ready' : 'moving';
}

/** It depends on the one that asks, and cannot begin before that one is ready: were it waited for, neither would ever go on. */
function waitsFor({ conditions }: ServiceRecord, { dependsOn }: Service, other: string): boolean {
  const missing = conditions.some(({ type, status }) => type === 'DependenciesReady' && status === 'False');
  return missing && dependsOn.some(({ service }) => service === other);
}
