/** The planted mistakes, all of them. */
import { driftMutants } from './mutants/drift.ts';
import { instanceMutants } from './mutants/instances.ts';
import { lockMutants } from './mutants/locks.ts';
import type { Mutant } from './mutants/mutant.ts';
import { releaseMutants } from './mutants/releases.ts';
import { rolloutMutants } from './mutants/rollouts.ts';
import { serviceMutants } from './mutants/service.ts';
import { strategyMutants } from './mutants/strategies.ts';

export type { Mutant } from './mutants/mutant.ts';
export const mutants: readonly Mutant[] = [
  ...instanceMutants,
  ...rolloutMutants,
  ...strategyMutants,
  ...releaseMutants,
  ...driftMutants,
  ...lockMutants,
  ...serviceMutants,
];
