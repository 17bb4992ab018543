/** One Rollout of a Service as the resource that the status API lists. Pure. */
import { apiVersion, type RolloutResource, type RolloutStatus, type ServiceResource } from '../../model/resource.ts';

export function rolloutResource({ metadata, status, observedCommit }: ServiceResource, rollout: RolloutStatus): RolloutResource {
  return {
    apiVersion,
    kind: 'Rollout',
    metadata: { ...metadata, name: `${metadata.name}-${rollout.number}`, service: metadata.name, annotations: {} },
    spec: { strategy: rollout.strategy, target: rollout.target },
    status: { ...rollout, conditions: status.conditions },
    observedCommit,
  };
}
