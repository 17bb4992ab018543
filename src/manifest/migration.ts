/** `spec.migration` to a Migration: how a change goes in, defaults filled in, units made plain. */
import { hashValue } from '../base/hash.ts';
import type { Migration } from '../model/service.ts';

/** Hash of what the steps of a Rollout are made of: the strategy and its own block, not what an analysis holds traffic to. */
export function stepsHashOf({ strategy, rolling, blueGreen, canary }: Omit<Migration, 'stepsHash'>): string {
  switch (strategy) {
    case 'in-place':
      return hashValue({ strategy });
    case 'rolling':
      return hashValue({ strategy, rolling });
    case 'blue-green':
      return hashValue({ strategy, blueGreen });
    case 'canary':
      return hashValue({ strategy, steps: canary.steps });
  }
}
