/**
 * The queue of the loop: keys only, never what happened to them. A key waits at most once, is never worked on twice at the
 * same time, and one that is added while it is worked on is worked on again. Many keys go in one batch.
 */
import type { Clock } from '../ports/clock.ts';

/** Keys worked on at once: large enough to share a transaction, small enough to leave the event loop its turns. */
const batchSize = 64;
/** A pass too many costs nothing; a timer that a jump of the clock moved out of reach would. */
const longestSleepMs = 3_600_000;

export class KeyQueue {
  readonly #clock: Clock;
  readonly #work: (keys: readonly string[]) => Promise<void>;
  readonly #waiting = new Set<string>();
  readonly #wakes = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  readonly #waiters = new Map<string, readonly (() => void)[]>();
  #open = false;
  #closed = false;
  #running: Promise<void> | null = null;

  /** `work` must not reject; what it could not do it adds again. */
  constructor(clock: Clock, work: (keys: readonly string[]) => Promise<void>) {
    this.#clock = clock;
    this.#work = work;
  }

  add(key: string): void {
    this.#waiting.add(key);
    this.#start();
  }

  /** Adds the key and resolves once a batch with it has been worked on; at once while nothing is worked on. */
  async addAndWait(key: string): Promise<void> {
    this.add(key);
    if (!this.#open || this.#closed) return;
    await new Promise<void>((resolve) => {
      this.#waiters.set(key, [...(this.#waiters.get(key) ?? []), resolve]);
    });
  }

  /** Adds the key at an instant (an hour from now at the latest), in place of any instant said before; null: at none. */
  wake(key: string, at: number | null): void {
    const before = this.#wakes.get(key);
    if (before?.at === at) return;
    before?.cancel();
    this.#wakes.delete(key);
    if (at === null || this.#closed) return;
    const cancel = this.#clock.after(Math.min(Math.max(0, at - this.#clock.now()), longestSleepMs), () => {
      this.#wakes.delete(key);
      this.add(key);
    });
    this.#wakes.set(key, { at, cancel });
  }

  /** While closed, keys gather and nothing is worked on. A queue begins closed. */
  setOpen(open: boolean): void {
    this.#open = open;
    if (!open) this.#letGo();
    this.#start();
  }

  /** Resolves once nothing waits and nothing is worked on (or the queue was closed); timers don't count. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** Ends for good: what is being worked on is finished, what waits is dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    for (const { cancel } of this.#wakes.values()) cancel();
    this.#wakes.clear();
    this.#letGo();
    await this.idle();
  }

  #start(): void {
    if (this.#running !== null || !this.#mayWork()) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      this.#start();
    });
  }

  #letGo(): void {
    for (const resolve of this.#takeWaiters([...this.#waiters.keys()])) resolve();
  }

  #takeWaiters(keys: readonly string[]): readonly (() => void)[] {
    const waiters = keys.flatMap((key) => this.#waiters.get(key) ?? []);
    for (const key of keys) this.#waiters.delete(key);
    return waiters;
  }

  #mayWork(): boolean {
    return this.#open && !this.#closed && this.#waiting.size > 0;
  }

  async #run(): Promise<void> {
    // One turn later: what is added in the same breath goes in the same batch.
    await Promise.resolve();
    while (this.#mayWork()) {
      const keys = [...this.#waiting].slice(0, batchSize);
      for (const key of keys) this.#waiting.delete(key);
      // Who begins to wait while the key is worked on waits for the next time.
      const waiters = this.#takeWaiters(keys);
      await this.#work(keys);
      for (const resolve of waiters) resolve();
      if (this.#mayWork()) await new Promise<void>((resolve) => this.#clock.after(0, resolve));
    }
  }
}
