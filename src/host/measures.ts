/**
 * The metrics that a Plan has asked for: each check at once and then every interval, counted from question to question. A
 * question is never put while the one before is unanswered, and only the latest answer of each check is kept.
 */
import { messageOf } from '../base/error.ts';
import type { MetricReading } from '../model/observation.ts';
import type { Measures as Wanted } from '../model/plan.ts';
import type { MetricCheck } from '../model/service.ts';
import type { Clock } from '../ports/clock.ts';
import type { MetricSource, Measured } from '../ports/metric-source.ts';
import { within } from './within.ts';

/** A source bounds itself by the check's own time-out; one that does not come back is given up this much later. */
const overdueMs = 1_000;

export class Measures {
  readonly #clock: Clock;
  readonly #source: MetricSource;
  readonly #onChange: () => void;
  /** By the check as JSON: one that stays as it is goes on as it is. */
  #questions = new Map<string, Question>();

  constructor(clock: Clock, source: MetricSource, onChange: () => void) {
    this.#clock = clock;
    this.#source = source;
    this.#onChange = onChange;
  }

  /** Asks for these from now on, and for no others; null: for none. */
  update(wanted: Wanted | null): void {
    const before = this.#questions;
    this.#questions = new Map();
    for (const check of wanted?.checks ?? []) {
      const key = JSON.stringify([wanted!.intervalMs, check]);
      const question = before.get(key) ?? new Question(check, wanted!.intervalMs, this.#clock, this.#source, this.#onChange);
      before.delete(key);
      this.#questions.set(key, question);
    }
    for (const question of before.values()) question.stop();
  }

  /** In the order of the Plan; those that have been answered. */
  readings(): MetricReading[] {
    return [...this.#questions.values()].map(({ reading }) => reading).filter((reading) => reading !== null);
  }
}

class Question {
  reading: MetricReading | null = null;
  readonly #check: MetricCheck;
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #source: MetricSource;
  readonly #onChange: () => void;
  #stopped = false;
  #callOff: () => void = () => {};

  constructor(check: MetricCheck, intervalMs: number, clock: Clock, source: MetricSource, onChange: () => void) {
    this.#check = check;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#source = source;
    this.#onChange = onChange;
    void this.#ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#callOff();
  }

  async #ask(): Promise<void> {
    const clock = this.#clock;
    const startedMs = clock.elapsedMs();
    const { name, timeoutMs } = this.#check;
    const unanswered = (error: string): Measured => ({ value: null, verdict: null, error });
    const answer = this.#source.read(this.#check).catch((thrown: unknown) => unanswered(messageOf(thrown)));
    const measured = await within(clock, timeoutMs + overdueMs, answer, () => unanswered(`no answer within ${timeoutMs} ms`));
    if (this.#stopped) return;
    this.reading = { name, at: clock.now(), ...measured };
    this.#callOff = clock.after(Math.max(0, startedMs + this.#intervalMs - clock.elapsedMs()), () => void this.#ask());
    this.#onChange();
  }
}
