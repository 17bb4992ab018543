/**
 * Clients: sessions that call through the gateway while something is going on. Counts what becomes of each call and says
 * so when one goes where it must not, is cut by the engine's own hand, or is refused though somebody could have answered.
 */
import type { Duty, Plan } from '../model/plan.ts';
import { Prng } from './prng.ts';
import type { SimInstance } from './host.ts';
import type { World } from './world.ts';

interface Session {
  id: number;
  instance: SimInstance | null;
}

const tickMs = 1_500;
/** Clients stay active for so long after something happened. */
const activeMs = 30_000;

export class Load {
  admitted = 0;
  answered = 0;
  /** The Instance failed or the Host died while the call was in flight. */
  lost = 0;
  /** No Instance could take it within callTimeout. */
  timedOut = 0;
  refused = 0;
  private readonly waiting: { readonly session: Session; readonly until: number }[] = [];
  private readonly sessions: Session[] = [];
  private readonly world: World;
  private readonly prng: Prng;
  private readonly binds: boolean;
  private activeUntil = 0;
  private ticking = false;
  private nextSession = 1;
  /** The Revision that had all calls last: sessions leave it, those with the lowest numbers first, as others get weight. */
  private base: string | null = null;

  constructor(world: World) {
    this.world = world;
    this.prng = new Prng(world.seed, 'load');
    this.binds = this.prng.chance(0.6);
    const count = this.prng.between(0, 5);
    for (let index = 0; index < count; index++) this.sessions.push({ id: this.nextSession++, instance: null });
  }

  wakeUp(): void {
    this.activeUntil = this.world.queue.now + activeMs;
    if (this.ticking || this.sessions.length === 0) return;
    this.ticking = true;
    this.world.queue.after(this.prng.between(1, tickMs), () => this.tick());
  }

  private tick(): void {
    const { world, prng } = this;
    if (world.queue.now > this.activeUntil || world.closing) {
      this.ticking = false;
      return;
    }
    for (const session of this.sessions) {
      if (prng.chance(0.1)) {
        this.unbind(session);
        session.id = this.nextSession++;
      }
      if (prng.chance(0.5)) this.call(session);
    }
    this.expire();
    world.queue.after(tickMs, () => this.tick());
  }

  private call(session: Session): void {
    this.admitted += 1;
    const { world } = this;
    const plan = world.host?.inForce ?? null;
    const callTimeoutMs = plan?.limits.callTimeoutMs ?? 10_000;
    if (!this.dispatch(session, callTimeoutMs)) this.waiting.push({ session, until: world.queue.now + callTimeoutMs });
  }

  /** True when the call has been sent or refused; false: it has to wait. */
  private dispatch(session: Session, timeoutMs: number): boolean {
    const { world, prng } = this;
    const plan = world.host?.inForce ?? null;
    if (world.host === null || plan === null) return false;
    if (plan.route === null) return this.refuse();
    if (plan.route.hold) return false;
    let instance = session.instance;
    if (instance === null || instance.phase !== 'connected' || (instance.duty !== 'serve' && instance.duty !== 'retire')) {
      const revision = this.revisionFor(session, plan.route.weights);
      if (revision === null) return this.refuse();
      const able = world.host.instances.filter((one) => one.revision === revision && one.phase === 'connected' && one.duty === 'serve');
      instance = able.length === 0 ? null : able[session.id % able.length]!;
      if (instance === null) return false;
      this.unbind(session);
      if (this.binds) {
        session.instance = instance;
        instance.sessions += 1;
      }
    }
    if (!world.provenRevisions.has(instance.revision))
      world.violate('no-call-to-unready', `a call reached ${instance.id}, whose revision never passed its checks`);
    const durationMs = prng.chance(0.9) ? prng.between(1, 500) : prng.between(500, timeoutMs);
    instance.calls.push(world.queue.now + durationMs);
    this.answered += 1;
    return true;
  }

  /** A session keeps its place among 100, so it moves only when a weight passes it. */
  private revisionFor({ id }: Session, weights: Readonly<Record<string, number>>): string | null {
    let place = (id * 61) % 100;
    for (const [revision, weight] of Object.entries(weights)) {
      if (weight === 100) return revision;
      if (revision === this.base) continue;
      if (place < weight) return revision;
      place -= weight;
    }
    return this.base !== null && weights[this.base] !== undefined ? this.base : (Object.keys(weights)[0] ?? null);
  }

  private refuse(): boolean {
    this.refused += 1;
    this.world.callRefused();
    return true;
  }

  private expire(): void {
    const { now } = this.world.queue;
    for (let index = this.waiting.length - 1; index >= 0; index--) {
      if (this.waiting[index]!.until > now) continue;
      this.waiting.splice(index, 1);
      this.timedOut += 1;
      this.world.callTimedOut();
    }
  }

  /** Those that wait are sent as soon as they can be. */
  routeChanged(): void {
    for (const [revision, weight] of Object.entries(this.world.host?.inForce?.route?.weights ?? {}))
      if (weight === 100) this.base = revision;
    if (this.waiting.length === 0) return;
    this.expire();
    for (const call of this.waiting.splice(0)) if (!this.dispatch(call.session, 1_000)) this.waiting.push(call);
  }

  private unbind(session: Session): void {
    const { instance } = session;
    if (instance === null) return;
    session.instance = null;
    instance.sessions -= 1;
    if (instance.sessions === 0 && instance.duty !== 'serve') this.world.host?.changed();
  }

  /** A duty takes effect: sessions may not be cut off before drainTimeout, and what drains tells when its last call ends. */
  dutyChanged(instance: SimInstance, duty: Duty, plan: Plan): void {
    const { world } = this;
    if (duty !== 'drain') return;
    if (
      instance.wasPromised &&
      instance.sessions > 0 &&
      instance.alive &&
      plan.route !== null &&
      !world.workload.mayBeExclusive &&
      !world.clockJumped &&
      !world.drainsEarly(instance)
    ) {
      const forMs = instance.duty === 'retire' ? world.queue.now - instance.dutySince : 0;
      const promisedMs = plan.limits.drainTimeoutMs - world.faults.longestRouteLagMs();
      if (forMs < promisedMs)
        world.violate('no-session-cut', `${instance.id} lost ${instance.sessions} sessions after ${forMs} ms of retiring`);
    }
    for (const session of this.sessions) {
      if (session.instance !== instance) continue;
      session.instance = null;
      instance.sessions -= 1;
    }
    const lastAt = Math.max(0, ...instance.calls);
    if (lastAt > world.queue.now) world.host?.later(lastAt - world.queue.now + 1, () => world.host?.changed());
  }

  /** The engine stops an Instance: no call may be in flight on it. */
  beforeStop(instance: SimInstance): void {
    const { world } = this;
    const cut = instance.phase === 'connected' ? instance.inFlight(world.queue.now) : 0;
    if (cut > 0 && !world.clockJumped && !instance.wasDown)
      world.violate('no-call-cut', `${cut} calls in flight on ${instance.id} were cut by stopping it`);
  }

  instanceGone(instance: SimInstance): void {
    const lost = instance.inFlight(this.world.queue.now);
    this.lost += lost;
    this.answered -= lost;
    instance.calls = [];
    for (const session of this.sessions) if (session.instance === instance) session.instance = null;
    instance.sessions = 0;
  }

  /** After the end: every admitted call has had exactly one end. */
  audit(): void {
    for (const { until } of this.waiting.splice(0)) if (until > 0) this.timedOut += 1;
    const ends = this.answered + this.lost + this.timedOut + this.refused;
    if (ends !== this.admitted) this.world.violate('one-answer-a-call', `${this.admitted} calls admitted, ${ends} ended`);
  }
}
