/**
 * The checks of one Instance (or of one preview), round after round. Within a round one check follows another and the next round begins after
 * this one has ended, so a slow check never stacks. Until every start check has passed, rounds follow each other quickly;
 * from then on at health.interval, moved a little by a hash so that Instances do not all ask at once.
 */
import { hashFraction } from '../base/hash.ts';
import { messageOf } from '../base/error.ts';
import type { CheckResult } from '../model/observation.ts';
import type { Check, Health } from '../model/service.ts';
import type { Clock } from '../ports/clock.ts';
import type { Answer, Prober, ProbeSubject } from '../ports/prober.ts';
import { within } from './within.ts';

export interface CheckRoundsParts {
  /** What is checked: tells its rounds apart from those of others. */
  readonly id: string;
  readonly clock: Clock;
  readonly prober: Prober;
  /** Asked once a round. */
  readonly subject: (latenciesMs: readonly number[]) => ProbeSubject;
  /** A result changed in a way that somebody may act upon. */
  readonly onChange: () => void;
}

const provingIntervalMs = 1_000;
/** A prober bounds itself by the check's own time-out; one that does not come back is given up this much later. */
const overdueMs = 1_000;
const latenciesKept = 100;
/** Errors in a row beyond which nobody acts upon one more. */
const errorsThatMatter = 4;

export class CheckRounds {
  readonly #parts: CheckRoundsParts;
  #health: Health;
  #results = new Map<string, { readonly check: string; readonly result: CheckResult }>();
  #latenciesMs: number[] = [];
  #callOff: (() => void) | null = null;
  #round = 0;
  #state: 'idle' | 'waiting' | 'asking' | 'stopped' = 'idle';
  #again = false;
  #proven = false;

  constructor(health: Health, parts: CheckRoundsParts) {
    this.#health = health;
    this.#parts = parts;
  }

  /** Whether all start checks have passed once, as often in a row as health.successThreshold says. */
  get proven(): boolean {
    return this.#proven;
  }

  /** One a check, in order of the manifest. */
  results(): CheckResult[] {
    return this.#health.checks.map((check) => this.#resultOf(check));
  }

  /** Begins at once. */
  start(): void {
    if (this.#state === 'idle') this.#begin();
  }

  /** Takes in other checks or thresholds. What a check that stays as it is has answered is kept. */
  setHealth(health: Health): void {
    if (JSON.stringify(health) === JSON.stringify(this.#health)) return;
    this.#health = health;
    const kept = health.checks.map((check) => JSON.stringify(check));
    for (const [name, { check }] of this.#results) if (!kept.includes(check)) this.#results.delete(name);
    if (this.#state === 'asking') this.#again = true;
    else if (this.#state === 'waiting') this.#begin();
  }

  /** No check is put from now on; what is under way is not heard. */
  stop(): void {
    this.#state = 'stopped';
    this.#callOff?.();
  }

  #begin(): void {
    this.#callOff?.();
    this.#state = 'asking';
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#round++;
    const subject = this.#parts.subject(this.#latenciesMs);
    for (const check of this.#health.checks) {
      const answer = await this.#answer(check, subject);
      if (this.#state !== 'asking') return;
      // What was asked may no longer be what is to be asked: the round begins anew.
      if (this.#again) break;
      this.#record(check, answer);
    }
    if (this.#again) {
      this.#again = false;
      this.#begin();
      return;
    }
    this.#state = 'waiting';
    this.#callOff = this.#parts.clock.after(this.#pauseMs(), () => this.#begin());
  }

  #pauseMs(): number {
    if (!this.#proven) return provingIntervalMs;
    return Math.round(this.#health.intervalMs * (0.9 + 0.2 * hashFraction(`${this.#parts.id}/${this.#round}`)));
  }

  async #answer(check: Check, subject: ProbeSubject): Promise<Answer> {
    const { clock, prober } = this.#parts;
    const error = (message: string): Answer => ({ outcome: 'error', message, latencyMs: null });
    const overdue = (): Answer => error(`no answer within ${check.timeoutMs} ms`);
    try {
      return await within(clock, check.timeoutMs + overdueMs, prober.probe(check, subject), overdue);
    } catch (thrown) {
      return error(messageOf(thrown));
    }
  }

  #record(check: Check, { outcome, message, latencyMs }: Answer): void {
    const before = this.#resultOf(check);
    const result: CheckResult = {
      ...before,
      outcome,
      message,
      latencyMs,
      at: this.#parts.clock.now(),
      passesInARow: outcome === 'pass' ? before.passesInARow + 1 : 0,
      // An error says nothing about the service: it neither adds to its failures nor ends their row.
      failsInARow: outcome === 'pass' ? 0 : before.failsInARow + (outcome === 'fail' ? 1 : 0),
      errorsInARow: outcome === 'error' ? before.errorsInARow + 1 : 0,
    };
    this.#results.set(check.name, { check: JSON.stringify(check), result });
    if (check.type === 'functional' && latencyMs !== null) this.#latenciesMs = [...this.#latenciesMs, latencyMs].slice(-latenciesKept);
    this.#proven ||= this.#health.checks.every(
      (each) => each.type === 'performance' || this.#resultOf(each).passesInARow >= this.#health.successThreshold,
    );
    if (this.#matters(before, result)) this.#parts.onChange();
  }

  /** Whether a row of equal outcomes has not yet grown past every threshold that is looked at. */
  #matters(before: CheckResult, result: CheckResult): boolean {
    if (before.outcome !== result.outcome) return true;
    const { successThreshold, failureThreshold } = this.#health;
    return (
      (result.outcome === 'pass' && result.passesInARow <= successThreshold) ||
      (result.outcome === 'fail' && result.failsInARow <= failureThreshold) ||
      (result.outcome === 'error' && result.errorsInARow <= errorsThatMatter)
    );
  }

  #resultOf({ name, type }: Check): CheckResult {
    const known = this.#results.get(name)?.result;
    if (known !== undefined) return known;
    return { name, type, outcome: 'pending', message: '', at: 0, latencyMs: null, passesInARow: 0, failsInARow: 0, errorsInARow: 0 };
  }
}
