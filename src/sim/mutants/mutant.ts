/** A planted mistake: it must be caught by the simulator, or the simulator is not worth its name. */
export interface Mutant {
  /** What the heart then does wrong. */
  readonly name: string;
  /** Under src/core/. */
  readonly file: string;
  /** Must be there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The first seed to try; 1 unless told otherwise, for what takes thousands to come up. */
  readonly from?: number;
}
