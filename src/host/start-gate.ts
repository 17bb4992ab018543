/**
 * Lets only so many Instances start at the same moment: a thousand processes at once would all miss their time-outs. A place
 * is held for a few seconds at most, so Instances that hang do not keep others from starting.
 */
import type { Clock } from '../ports/clock.ts';

export class StartGate {
  readonly #clock: Clock;
  readonly #longestMs: number;
  /** In order of arrival. */
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(clock: Clock, places: number, longestMs: number) {
    this.#clock = clock;
    this.#free = places;
    this.#longestMs = longestMs;
  }

  /** Resolves with how to leave (twice is once), or with null as soon as `signal` aborts. */
  async enter(signal: AbortSignal): Promise<(() => void) | null> {
    if (signal.aborted) return null;
    if (this.#free > 0) this.#free--;
    else if (!(await this.#wait(signal))) return null;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      callOff();
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else next();
    };
    const callOff = this.#clock.after(this.#longestMs, leave);
    return leave;
  }

  /** Whether a place was handed over. */
  #wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const over = (admitted: boolean): void => {
        this.#waiting.delete(admit);
        signal.removeEventListener('abort', giveUp);
        resolve(admitted);
      };
      const admit = (): void => over(true);
      const giveUp = (): void => over(false);
      this.#waiting.add(admit);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }
}
