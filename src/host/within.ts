/** Bounds how long something is waited for; what comes later is not heard. */
import type { Clock } from '../ports/clock.ts';

/** What `work` comes to, or `late()` when that takes longer than `ms`. Leaves no timer behind. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>, late: () => T): Promise<T> {
  let callOff = (): void => {};
  const over = new Promise<T>((resolve) => (callOff = clock.after(ms, () => resolve(late()))));
  try {
    return await Promise.race([work, over]);
  } finally {
    callOff();
  }
}
