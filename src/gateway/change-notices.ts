/** Tells a client that a list changed: at once, then at most once in a while however often it is said, and never less than the last time. */
import type { Envelope } from '../model/envelope.ts';
import type { Clock } from '../ports/clock.ts';

const quietMs = 200;

export class ChangeNotices {
  readonly #clock: Clock;
  readonly #tell: (message: Envelope) => void;
  /** By method: what came since the last notice; null: nothing yet. */
  readonly #quiet = new Map<string, Envelope | null>();
  readonly #timers = new Set<() => void>();

  constructor(clock: Clock, tell: (message: Envelope) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  say(message: Envelope): void {
    const method = message.method ?? '';
    if (this.#quiet.has(method)) {
      this.#quiet.set(method, message);
      return;
    }
    this.#quiet.set(method, null);
    this.#tell(message);
    const callOff = this.#clock.after(quietMs, () => {
      this.#timers.delete(callOff);
      const later = this.#quiet.get(method);
      this.#quiet.delete(method);
      if (later) this.say(later);
    });
    this.#timers.add(callOff);
  }

  close(): void {
    for (const callOff of this.#timers) callOff();
    this.#timers.clear();
  }
}
