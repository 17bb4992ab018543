/**
 * One Service as the gateway routes to it: its Plan, the Instances that may be called, who waits, who is being served.
 *
 * Invariants: an Instance of duty `drain`, or of a Revision without weight, gets no new call. Calls in flight never exceed
 * maxConcurrentCalls; the line behind them is bounded. Whoever waits is woken by an event (a Plan, an answer), not by polling.
 */
import { FairleadError } from '../base/error.ts';
import { hashFraction } from '../base/hash.ts';
import type { Contract } from '../model/contract.ts';
import type { Duty, Plan } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { GatewayInstance } from '../ports/gateway.ts';
import { Counters } from './counters.ts';
import { exposureOf, type Exposure } from './exposure.ts';

/** An Instance with what the gateway keeps about it. Replaced by a new one when the Instance gets another Upstream. */
export interface Member {
  instance: GatewayInstance;
  duty: Duty;
  inFlight: number;
  /** Client sessions bound to it. */
  sessions: number;
  /** Its process is known to be gone; the Plan that says so is on its way. */
  lost: boolean;
}

/** How many calls may wait for one that is in flight, for each that may be. */
const lineFactor = 4;
/** A member that lost one call without anything written is passed over for this long when no other is there. */
const secondLookMs = 200;

type Waiter = () => void;

export class Backend {
  readonly service: string;
  readonly counters = new Counters();
  readonly members = new Map<string, Member>();
  readonly #clock: Clock;
  readonly #onIdle: (instanceId: string) => void;
  #plan: Plan;
  #exposure: Exposure;
  #active = 0;
  /** Calls that wait for a slot, in order of arrival. */
  #line: Waiter[] = [];
  /** Calls that have a slot and wait for an Instance. */
  #waiters = new Set<Waiter>();
  #forgotten = false;
  #lastContract: Contract | null = null;

  constructor(plan: Plan, clock: Clock, onIdle: (instanceId: string) => void) {
    this.service = plan.service;
    this.#plan = plan;
    this.#exposure = exposureOf(plan.expose);
    this.#clock = clock;
    this.#onIdle = onIdle;
  }

  get plan(): Plan {
    return this.#plan;
  }

  get exposure(): Exposure {
    return this.#exposure;
  }

  /** The Contract that was seen last, also while no Instance is there. */
  get lastContract(): Contract | null {
    return this.#lastContract;
  }

  /** Whether the name is published at all. */
  get published(): boolean {
    return !this.#forgotten && this.#plan.route !== null;
  }

  /** Takes in a Plan. Returns the members that are gone. */
  apply(plan: Plan, instances: readonly GatewayInstance[]): Member[] {
    this.#plan = plan;
    this.#exposure = exposureOf(plan.expose);
    const duties = new Map(plan.instances.map((planned) => [planned.id, planned.duty]));
    const gone: Member[] = [];
    const present = new Map(instances.map((instance) => [instance.id, instance]));
    for (const [id, member] of this.members) {
      if (present.get(id)?.upstream === member.instance.upstream) continue;
      member.lost = true;
      this.members.delete(id);
      gone.push(member);
    }
    for (const instance of instances) {
      // An Instance that the Plan does not name is being stopped.
      const duty = duties.get(instance.id) ?? 'drain';
      const known = this.members.get(instance.id);
      if (known === undefined) this.members.set(instance.id, { instance, duty, inFlight: 0, sessions: 0, lost: false });
      else Object.assign(known, { instance, duty });
    }
    this.#lastContract = this.contract() ?? this.#lastContract;
    this.counters.forgetPast(new Set(instances.map(({ revision }) => revision)));
    this.#wake();
    this.#admitNext();
    return gone;
  }

  /** The name is gone: whoever waits is told. */
  forget(): Member[] {
    this.#forgotten = true;
    const gone = [...this.members.values()];
    for (const member of gone) member.lost = true;
    this.members.clear();
    this.#wake();
    this.#admitNext();
    return gone;
  }

  /** The Contract that clients see: that of the Revision with the largest share, of its first Instance by id. */
  contract(): Contract | null {
    const weights = this.#plan.route?.weights ?? {};
    let best: Member | null = null;
    for (const member of this.members.values()) {
      if (member.lost || member.duty === 'drain') continue;
      if (best === null || this.#rank(member, weights) > this.#rank(best, weights)) best = member;
      else if (this.#rank(member, weights) === this.#rank(best, weights) && member.instance.id < best.instance.id) best = member;
    }
    return best?.instance.contract ?? null;
  }

  #rank(member: Member, weights: Readonly<Record<string, number>>): number {
    return (weights[member.instance.revision] ?? 0) + (member.duty === 'serve' ? 0.5 : 0);
  }

  /** Whether a call of a session that is bound to this member may still go there. */
  mayContinue(member: Member): boolean {
    return !this.#forgotten && !member.lost && member.duty !== 'drain' && this.members.get(member.instance.id) === member;
  }

  /**
   * Takes a slot under maxConcurrentCalls, waiting in line until `deadlineMs` (of the clock's elapsedMs). Throws TooManyCalls when the line is full or
   * the time is up, Cancelled when aborted. Each admitted call must be released exactly once.
   */
  async admit(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    const limit = this.#plan.limits.maxConcurrentCalls;
    if (this.#active < limit && this.#line.length === 0) {
      this.#active++;
      return;
    }
    if (this.#line.length >= limit * lineFactor) throw this.#tooMany();
    const admitted = await this.#wait(this.#line, deadlineMs, signal);
    if (!admitted) throw this.#tooMany();
  }

  release(): void {
    this.#active--;
    this.#admitNext();
  }

  #admitNext(): void {
    while (this.#line.length > 0 && this.#active < this.#plan.limits.maxConcurrentCalls) {
      this.#active++;
      this.#line.shift()?.();
    }
  }

  #tooMany(): FairleadError {
    const { maxConcurrentCalls } = this.#plan.limits;
    return new FairleadError('TooManyCalls', `service ${this.service} has ${maxConcurrentCalls} calls under way and more waiting`, {
      data: { service: this.service },
    });
  }

  /** The Instance that a new call or session with this affinity key goes to now; null when there is none. */
  pick(key: string, passOver: ReadonlySet<Member>): Member | null {
    const route = this.#plan.route;
    if (route === null || route.hold || this.#forgotten) return null;
    const revision = this.#revisionFor(key, route.weights);
    let best: Member | null = null;
    for (const member of this.members.values()) {
      if (member.lost || member.duty !== 'serve' || passOver.has(member)) continue;
      if ((route.weights[member.instance.revision] ?? 0) <= 0) continue;
      if (best === null || this.#prefer(member, best, revision)) best = member;
    }
    return best;
  }

  /** The session's own Revision first, then the least in flight. */
  #prefer(member: Member, best: Member, revision: string | null): boolean {
    const own = member.instance.revision === revision;
    if (own !== (best.instance.revision === revision)) return own;
    return member.inFlight + member.sessions < best.inFlight + best.sessions;
  }

  /** Where the key's fixed point in [0, 100) falls among the shares: a moving boundary passes each session once. */
  #revisionFor(key: string, weights: Readonly<Record<string, number>>): string | null {
    const shares = Object.entries(weights).filter(([, weight]) => weight > 0);
    if (shares.length <= 1) return shares[0]?.[0] ?? null;
    const point = hashFraction(`${key} ${this.service}`) * 100;
    let upTo = 0;
    for (const [revision, weight] of shares.sort(([a], [b]) => (a < b ? -1 : 1))) {
      upTo += weight;
      if (point < upTo) return revision;
    }
    return null;
  }

  /** Waits for an Instance until `deadlineMs` (of the clock's elapsedMs). Throws NotFound (not published), ServiceUnavailable, Cancelled. */
  async acquire(key: string, passOver: Set<Member>, deadlineMs: number, signal: AbortSignal | undefined): Promise<Member> {
    for (;;) {
      if (!this.published)
        throw new FairleadError('NotFound', `service ${this.service} is not published`, { data: { service: this.service } });
      const member = this.pick(key, passOver);
      if (member !== null) return member;
      if (this.#refuses()) throw this.#unavailable();
      const nowMs = this.#clock.elapsedMs();
      const lookAgainMs = passOver.size > 0 ? Math.min(deadlineMs, nowMs + secondLookMs) : deadlineMs;
      const woken = nowMs < deadlineMs && (await this.#wait(this.#waiters, lookAgainMs, signal));
      if (!woken && this.#clock.elapsedMs() >= deadlineMs) throw this.#unavailable();
      if (!woken) passOver.clear();
    }
  }

  /** No Revision may be called and nothing says that one soon will: waiting would be in vain. */
  #refuses(): boolean {
    const route = this.#plan.route;
    return route !== null && !route.hold && !Object.values(route.weights).some((weight) => weight > 0);
  }

  #unavailable(): FairleadError {
    return new FairleadError('ServiceUnavailable', `service ${this.service} has no instance that may be called now`, {
      data: { service: this.service },
    });
  }

  begin(member: Member): void {
    member.inFlight++;
  }

  end(member: Member): void {
    member.inFlight--;
    this.#idle(member);
  }

  bind(member: Member): void {
    member.sessions++;
  }

  unbind(member: Member): void {
    member.sessions--;
    this.#idle(member);
  }

  #idle(member: Member): void {
    if (member.inFlight === 0 && (member.sessions === 0 || member.duty === 'drain')) this.#onIdle(member.instance.id);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter();
  }

  /** True when woken, false when the time was up. Throws Cancelled when aborted. */
  #wait(queue: Waiter[] | Set<Waiter>, untilMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const done = (finish: () => void): void => {
        callOff();
        signal?.removeEventListener('abort', aborted);
        finish();
      };
      const leave = (): void => {
        if (queue instanceof Set) this.#waiters.delete(woken);
        else this.#line = this.#line.filter((waiter) => waiter !== woken);
      };
      const woken = (): void => done(() => resolve(true));
      const aborted = (): void => {
        leave();
        done(() => reject(new FairleadError('Cancelled', 'the client cancelled the request')));
      };
      const callOff = this.#clock.after(Math.max(0, untilMs - this.#clock.elapsedMs()), () => {
        leave();
        done(() => resolve(false));
      });
      if (signal?.aborted === true) return aborted();
      signal?.addEventListener('abort', aborted, { once: true });
      if (queue instanceof Set) this.#waiters.add(woken);
      else this.#line.push(woken);
    });
  }
}
