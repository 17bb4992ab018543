/**
 * One Service as the gateway routes to it: its Plan, which of its Instances may be called, who waits, who is being served.
 * Its preview route has one of its own, over the same Instances.
 *
 * Invariants: an Instance of duty `drain`, or of a Revision without weight, gets no new call, but those of a session that is
 * bound to it. Calls in flight never exceed maxConcurrentCalls; the line behind them is bounded. Whoever waits is woken by an
 * event (a Plan, an answer), not by polling.
 */
import { FairleadError } from '../base/error.ts';
import type { Contract } from '../model/contract.ts';
import type { Plan } from '../model/plan.ts';
import type { Clock } from '../ports/clock.ts';
import { Counters } from './counters.ts';
import { exposureOf, type Exposure } from './exposure.ts';
import type { Member, Members } from './members.ts';
import { Mirror } from './mirror.ts';
import { Affinity, Points } from './shares.ts';

/** How many calls may wait for one that is in flight, for each that may be. */
const lineFactor = 4;
/** A member that lost one call without anything written is passed over for this long when no other is there. */
const secondLookMs = 200;

type Waiter = () => void;

/** How its calls come in: by the public name, or by the preview route, whose calls are counted nowhere. */
export type Way = 'public' | 'preview';

export class Backend {
  readonly service: string;
  readonly way: Way;
  readonly members: Members;
  readonly counters = new Counters();
  readonly mirror: Mirror;
  readonly #clock: Clock;
  readonly #sessionPoints = new Points();
  readonly #requestPoints = new Points();
  #plan: Plan;
  #exposure: Exposure;
  #active = 0;
  /** Calls that wait for a slot, in order of arrival. */
  #line: Waiter[] = [];
  /** Calls that have a slot and wait for an Instance. */
  #waiters = new Set<Waiter>();
  #forgotten = false;
  #lastContract: Contract | null = null;

  constructor(plan: Plan, members: Members, clock: Clock, way: Way = 'public') {
    this.service = plan.service;
    this.way = way;
    this.members = members;
    this.#plan = plan;
    this.#exposure = exposureOf(plan.expose, plan.quarantine);
    this.#clock = clock;
    this.mirror = new Mirror(members, clock);
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

  /** Weights that calls follow now; null: the name is not published. */
  get weights(): Readonly<Record<string, number>> | null {
    return this.published ? this.#plan.route!.weights : null;
  }

  /** What is said to calls of a name that is not published. */
  absent(): FairleadError {
    return this.way === 'preview' ? noPreview(this.service) : notPublished(this.service);
  }

  /** Takes in a Plan, once `members` have. */
  apply(plan: Plan): void {
    this.#plan = plan;
    this.#exposure = exposureOf(plan.expose, plan.quarantine);
    this.#lastContract = this.contract() ?? this.#lastContract;
    this.mirror.apply(plan);
    this.counters.forgetPast(new Set([...this.members.all()].map(({ instance }) => instance.revision)));
    this.#wake();
    this.#admitNext();
  }

  /** The name is gone: whoever waits is told. */
  forget(): void {
    this.#forgotten = true;
    this.mirror.end();
    this.#wake();
    this.#admitNext();
  }

  /** The Contract that is shown to clients of no Revision in particular: that of the largest share. null while no Instance is there. */
  contract(): Contract | null {
    return this.contracts()[0] ?? null;
  }

  /**
   * The Contracts that calls may meet now, each once: of the Revisions with weight, the largest share first; while none has
   * weight (a first start) of all.
   */
  contracts(): Contract[] {
    const weights = this.#plan.route?.weights ?? {};
    const weighted = Object.values(weights).some((weight) => weight > 0);
    const rank = ({ instance, duty }: Member): number => (weights[instance.revision] ?? 0) + (duty === 'serve' ? 0.5 : 0);
    const met = [...this.members.all()]
      .filter(({ instance, lost, duty }) => !lost && duty !== 'drain' && (!weighted || (weights[instance.revision] ?? 0) > 0))
      .sort((a, b) => rank(b) - rank(a) || (a.instance.id < b.instance.id ? -1 : 1));
    return [...new Map(met.map(({ instance: { contract } }) => [contract.hash, contract])).values()];
  }

  /** The Contract that the next call of this session would meet; null while no Instance may take it. */
  contractFor(affinity: Affinity): Contract | null {
    return this.pick(affinity, new Set())?.instance.contract ?? null;
  }

  /** What decides among Revisions for a new session. */
  affinityOfSession(): Affinity {
    return new Affinity(this.#sessionPoints.next());
  }

  /** What decides among Revisions for one request of a client without session. */
  affinityOfRequest(): Affinity {
    return new Affinity(this.#requestPoints.next());
  }

  /** Whether a call of a session that is bound to this member may still go there. */
  mayContinue(member: Member): boolean {
    return !this.#forgotten && !member.lost && member.duty !== 'drain' && this.members.has(member);
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

  /** The Instance that a new call or session goes to now; null when there is none. */
  pick(affinity: Affinity, passOver: ReadonlySet<Member>): Member | null {
    const route = this.#plan.route;
    if (route === null || route.hold || this.#forgotten) return null;
    const home = affinity.home(route);
    let best: Member | null = null;
    for (const member of this.members.all()) {
      if (member.lost || member.duty !== 'serve' || passOver.has(member)) continue;
      if ((route.weights[member.instance.revision] ?? 0) <= 0) continue;
      if (best === null || prefer(member, best, home)) best = member;
    }
    return best;
  }

  /** Waits for an Instance until `deadlineMs` (of the clock's elapsedMs). Throws NotFound (not published), ServiceUnavailable, Cancelled. */
  async acquire(affinity: Affinity, passOver: Set<Member>, deadlineMs: number, signal: AbortSignal | undefined): Promise<Member> {
    for (;;) {
      if (!this.published) throw this.absent();
      const member = this.pick(affinity, passOver);
      if (member !== null) {
        affinity.went(this.#plan.route!, member.instance.revision);
        return member;
      }
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

/** The Revision that the call belongs to first, then the least in flight. */
function prefer(member: Member, best: Member, home: string | null): boolean {
  const own = member.instance.revision === home;
  if (own !== (best.instance.revision === home)) return own;
  return member.inFlight + member.sessions < best.inFlight + best.sessions;
}

function notPublished(service: string): FairleadError {
  return new FairleadError('NotFound', `service ${service} is not published`, { data: { service } });
}

export function noPreview(service: string): FairleadError {
  const text = `service ${service} has no preview, or it is another one now. There is one while a blue-green rollout waits to be promoted: see \`fairlead rollout status ${service}\`, then initialize again.`;
  return new FairleadError('NoPreview', text, { data: { service } });
}
