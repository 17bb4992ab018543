/** Every strategy by the name that manifests give it. */
import type { Rollout } from '../../model/rollout.ts';
import { inPlace } from './in-place.ts';
import type { Strategy } from './strategy.ts';

export const strategies: Readonly<Record<Rollout['strategy'], Strategy>> = { 'in-place': inPlace };
