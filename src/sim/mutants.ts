/** The planted mistakes: each must be caught by the simulator, or the simulator is not worth its name. */
export interface Mutant {
  /** What the heart then does wrong. */
  readonly name: string;
  /** Under src/core/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const mutants: readonly Mutant[] = [];
