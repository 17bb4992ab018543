/** A canary step as a person would say it: `setWeight 10`, `pause 1m`. */
import { formatDuration } from '../../base/duration.ts';
import type { CanaryStep } from '../../model/service.ts';

export function stepWords(step: CanaryStep): string {
  switch (step.type) {
    case 'setWeight':
      return `setWeight ${step.weight}`;
    case 'setReplicas':
      return `setReplicas ${step.replicas}`;
    case 'pause':
      return step.durationMs === null ? 'pause' : `pause ${formatDuration(step.durationMs)}`;
    case 'analysis':
      return `analysis ${formatDuration(step.forMs)}`;
    case 'shadow':
      return `shadow ${formatDuration(step.forMs)}`;
  }
}
