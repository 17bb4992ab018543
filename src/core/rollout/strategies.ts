/** Every strategy by the name that manifests give it. */
import type { StrategyName } from '../../model/service.ts';
import { blueGreen } from './blue-green.ts';
import { canary } from './canary.ts';
import { inPlace } from './in-place.ts';
import { rolling } from './rolling.ts';
import type { Strategy } from './strategy.ts';

export const strategies: Readonly<Record<StrategyName, Strategy>> = {
  'in-place': inPlace,
  rolling,
  'blue-green': blueGreen,
  canary,
};
