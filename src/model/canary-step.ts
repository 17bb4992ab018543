/** A step of a canary in the short words that people know it by, those of the manifest. */
import { formatDuration } from '../base/duration.ts';
import type { CanaryStep } from './service.ts';

/** `setWeight 10`, `pause 1m`, `pause`, `analysis 2m`, `setReplicas 1`, `shadow 1m`. */
export function stepText(step: CanaryStep): string {
  switch (step.type) {
    case 'setWeight':
      return `setWeight ${step.weight}`;
    case 'pause':
      return step.durationMs === null ? 'pause' : `pause ${formatDuration(step.durationMs)}`;
    case 'analysis':
      return `analysis ${formatDuration(step.forMs)}`;
    case 'setReplicas':
      return `setReplicas ${step.replicas}`;
    case 'shadow':
      return `shadow ${formatDuration(step.forMs)}`;
  }
}

/** How long a step lasts by itself, in ms; null when it is not time that ends it. An analysis lasts at least as long. */
export function stepDurationMs(step: CanaryStep): number | null {
  switch (step.type) {
    case 'pause':
      return step.durationMs;
    case 'analysis':
    case 'shadow':
      return step.forMs;
    default:
      return null;
  }
}
