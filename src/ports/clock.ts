/** Time, real or simulated. The only way that anything above the pure floors may know or await it in the control path. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once, `delayMs` from now; returns how to call it off. */
  after(delayMs: number, callback: () => void): () => void;
}
