/** Time, real or simulated. The only way that anything above the pure floors may know or await it in the control path. */
export interface Clock {
  /** Milliseconds since the epoch: what an instant is called. It jumps when somebody sets the clock. */
  now(): number;
  /** Milliseconds since some moment that stays the same while the process lives: how long something takes. Nobody can set it. */
  elapsedMs(): number;
  /** Calls back once, `delayMs` from now; returns how to call it off. */
  after(delayMs: number, callback: () => void): () => void;
}
