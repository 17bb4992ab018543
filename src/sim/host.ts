/**
 * One life of the simulated Host: takes Plans (newest generation, no lower epoch), runs Instances that behave as their
 * Revisions do, checks them, confirms routes, and says what it sees. It keeps the contract of the real Host, faults aside:
 * an Instance in the Plan and unknown is started once; one that is not in it, nor spared by it, is stopped after the route is in force.
 */
import type { CheckOutcome, CheckResult, InstanceEnd, Observation, ObservedInstance } from '../model/observation.ts';
import type { Duty, Plan, PlannedInstance } from '../model/plan.ts';
import type { Health } from '../model/service.ts';
import type { Behaviour } from './behaviour.ts';
import { hashOf, type Offer } from './contracts.ts';
import { Outlook } from './outlook.ts';
import { mayChange, nextResult, outcomeOf } from './probing.ts';
import { serviceName } from './services.ts';
import type { World } from './world.ts';

export class SimInstance {
  readonly id: string;
  readonly revision: string;
  readonly exclusive: boolean;
  readonly behaviour: Behaviour;
  readonly startedAt: number;
  phase: ObservedInstance['phase'] = 'starting';
  connectedAt: number | null = null;
  connectedSince = 0;
  end: InstanceEnd | null = null;
  checks: readonly CheckResult[] = [];
  /** Outcomes that faults put before those of its behaviour. */
  readonly blips: CheckOutcome[] = [];
  checking = false;
  /** No Plan ends it before this instant (virtual). */
  staysUntil = 0;
  /** Its sessions have been promised time to end: it has served as one of the stable Revision, or its Rollout was superseded. */
  wasPromised = false;
  /** A check has failed so often that stopping it at once is right. */
  wasDown = false;
  /** It has passed all its start checks at least once. */
  proven = false;
  /** What it offers though its Revision has drifted since; null: what its Revision does. */
  offer: Offer | null = null;
  sessions = 0;
  /** Virtual instants at which its calls will have been answered. */
  calls: number[] = [];
  /** Duty that the route in force gives it, and since when. */
  duty: Duty | null = null;
  dutySince = 0;

  constructor(planned: PlannedInstance, exclusive: boolean, behaviour: Behaviour, startedAt: number) {
    this.id = planned.id;
    this.revision = planned.revision;
    this.exclusive = exclusive;
    this.behaviour = behaviour;
    this.startedAt = startedAt;
  }

  get alive(): boolean {
    return this.phase !== 'ended';
  }

  inFlight(now: number): number {
    if (this.calls.length === 0) return 0;
    this.calls = this.calls.filter((endsAt) => endsAt > now);
    return this.calls.length;
  }
}

export class SimHost {
  readonly id: string;
  alive = true;
  instances: SimInstance[] = [];
  /** The newest Plan taken in, and the one whose Route is in force. */
  taken: Plan | null = null;
  inForce: Plan | null = null;
  /** Weights that the gateway follows though its Plan says others; undefined: it follows the Plan. */
  misrouted: Readonly<Record<string, number>> | null | undefined = undefined;
  /** Until when (virtual) the event loop stands still. */
  stalledUntil = 0;
  /** Ids of those that were lost: the same Plan has them started once more, whoever may have come in between. */
  readonly lost = new Set<string>();
  private newestGeneration = 0;
  private newestEpoch = 0;
  readonly outlook: Outlook;
  private flushing = false;
  private readonly deferred: (() => void)[] = [];
  private readonly world: World;

  constructor(world: World, number: number) {
    this.world = world;
    this.id = `host-${number}`;
    this.outlook = new Outlook(world, this);
  }

  /** Refuses Plans of a lower epoch, ignores those that are not newer than the newest taken. */
  take(epoch: number, plan: Plan): void {
    if (epoch < this.newestEpoch) return;
    this.newestEpoch = epoch;
    if (plan.generation <= this.newestGeneration) return;
    this.newestGeneration = plan.generation;
    this.taken = plan;
    const { world } = this;
    world.note('host', `takes plan ${plan.generation}`);
    for (const planned of plan.instances) if (!this.instances.some(({ id }) => id === planned.id)) this.start(plan, planned);
    const lagMs = world.faults.routeLagMs();
    if (lagMs === 0) this.enforce(plan);
    else this.later(lagMs, () => this.enforce(plan));
    this.changed();
  }

  forget(epoch: number): void {
    if (epoch < this.newestEpoch) return;
    this.newestEpoch = epoch;
    if (this.taken === null && this.instances.length === 0) return;
    this.world.note('host', 'forgets');
    this.taken = null;
    this.inForce = null;
    this.outlook.follow(null);
    for (const instance of [...this.instances]) this.stop(instance, 3_000);
    this.changed();
  }

  /** The gateway follows a Plan from here on; what is not in it any more is stopped. */
  private enforce(plan: Plan): void {
    if (plan !== this.taken) return;
    const { world } = this;
    this.outlook.follow(plan);
    this.inForce = plan;
    this.misrouted = undefined;
    for (const instance of [...this.instances]) {
      const planned = plan.instances.find(({ id }) => id === instance.id);
      if (plan.spared.includes(instance.id)) continue;
      if (planned === undefined && world.queue.now >= instance.staysUntil) this.stop(instance, plan.limits.stopTimeoutMs);
      else if (planned === undefined) continue;
      else if (planned.duty !== instance.duty) {
        world.load.dutyChanged(instance, planned.duty, plan);
        instance.duty = planned.duty;
        instance.dutySince = world.queue.now;
      }
    }
    world.load.routeChanged();
    this.changed();
  }

  private start(plan: Plan, planned: PlannedInstance): void {
    const { world } = this;
    const revision = plan.revisions[planned.revision];
    const behaviour = world.workload.behaviours.get(planned.revision);
    if (revision === undefined || behaviour === undefined) {
      world.violate('plan-names-revision', `${planned.id} is of a revision that the plan does not carry`);
      return;
    }
    world.beforeStart(planned, revision, this);
    const instance = new SimInstance(planned, revision.run.exclusive, behaviour, world.wallNow());
    instance.duty = planned.duty;
    instance.dutySince = world.queue.now;
    this.instances.push(instance);
    world.starts += 1;
    world.note('host', `starts ${planned.id}`);
    const fault = world.faults.startFault(revision);
    if (fault !== null) {
      this.later(20, () => this.finish(instance, fault, 'fault'));
      return;
    }
    const { startTimeoutMs } = plan.terms[planned.revision]!.limits;
    const attempt = (world.attempts.get(planned.revision) ?? 0) + 1;
    world.attempts.set(planned.revision, attempt);
    if (behaviour.kind === 'no-command') this.later(5, () => this.finish(instance, 'CommandNotFound', 'itself'));
    else if (behaviour.kind === 'exits-at-start' || attempt <= behaviour.failsFirst)
      this.later(behaviour.startMs, () => this.finish(instance, 'ExitedEarly', 'itself'));
    else if (behaviour.kind === 'hangs') this.later(startTimeoutMs, () => this.finish(instance, 'HandshakeTimeout', 'itself'));
    else this.later(behaviour.startMs + behaviour.handshakeMs, () => this.connect(instance));
  }

  private connect(instance: SimInstance): void {
    if (instance.phase !== 'starting') return;
    const { world } = this;
    this.outlook.flow();
    instance.phase = 'connected';
    world.contractSeen(hashOf(instance.offer ?? world.offerOf(instance.revision)));
    instance.connectedAt = world.wallNow();
    instance.connectedSince = world.queue.now;
    const { upMs } = instance.behaviour;
    if (upMs !== null) this.later(upMs, () => this.finish(instance, 'Exited', 'itself'));
    this.checkAfter(instance, instance.behaviour.checkMs);
    world.load.routeChanged();
    this.changed();
  }

  /** An Instance is over by its own doing or a fault's. Its calls in flight are lost, which is nobody's fault here. */
  finish(instance: SimInstance, code: string, by: 'itself' | 'fault'): void {
    if (instance.phase === 'ended') return;
    const { world } = this;
    const wasStopping = instance.phase === 'stopping';
    this.outlook.flow();
    world.load.instanceGone(instance);
    world.note('host', `${instance.id} ${code}`);
    if (wasStopping) {
      this.remove(instance);
      return;
    }
    instance.phase = 'ended';
    instance.end = { code, message: code, at: world.wallNow(), exitCode: 1, signal: null, stderrTail: '' };
    world.instanceFailed(instance.revision, by);
    this.changed();
  }

  private stop(instance: SimInstance, stopTimeoutMs: number): void {
    if (instance.phase === 'stopping') return;
    if (instance.phase === 'ended') {
      this.remove(instance);
      return;
    }
    const { world } = this;
    world.load.beforeStop(instance);
    this.outlook.flow();
    instance.phase = 'stopping';
    world.note('host', `stops ${instance.id}`);
    this.later(instance.behaviour.stopMs ?? stopTimeoutMs, () => {
      world.load.instanceGone(instance);
      this.remove(instance);
    });
  }

  /** It is gone, and the Host does not know that it ever was. */
  lose(instance: SimInstance): void {
    this.outlook.flow();
    this.world.load.instanceGone(instance);
    instance.phase = 'ended';
    this.lost.add(instance.id);
    this.remove(instance);
    this.world.load.routeChanged();
  }

  /** It is there after all, unless another runs in its place; its calls and sessions have been lost, and nothing is promised to new ones. */
  find(instance: SimInstance): boolean {
    const { inForce } = this;
    if (inForce === null || instance.connectedAt === null || this.instances.some(({ id }) => id === instance.id)) return false;
    this.outlook.flow();
    instance.phase = 'connected';
    instance.duty = inForce.instances.find(({ id }) => id === instance.id)?.duty ?? null;
    instance.wasDown = true;
    this.instances.push(instance);
    this.checkAfter(instance, 10);
    this.world.load.routeChanged();
    this.changed();
    return true;
  }

  private remove(instance: SimInstance): void {
    this.instances = this.instances.filter((other) => other !== instance);
    this.changed();
  }

  /** Makes a round of checks soon: at first, every interval until nothing changes any more, and when a fault wants one. */
  checkAfter(instance: SimInstance, delayMs: number): void {
    if (instance.checking) return;
    instance.checking = true;
    this.later(delayMs, () => {
      instance.checking = false;
      this.check(instance);
    });
  }

  private check(instance: SimInstance): void {
    const health = this.healthOf(instance);
    if (instance.phase !== 'connected' || health === null) return;
    const { world } = this;
    const upMs = world.queue.now - instance.connectedSince;
    const outcome = instance.blips.shift() ?? outcomeOf(instance.behaviour, upMs, instance.checks[1], health.failureThreshold);
    const at = world.wallNow();
    instance.checks = health.checks.map(({ name, type }) => {
      const earlier = instance.checks.find((result) => result.name === name);
      const now: CheckOutcome = type === 'functional' ? outcome : type === 'performance' && instance.sessions === 0 ? 'pending' : 'pass';
      return nextResult(earlier, name, type, now, at);
    });
    const started = instance.checks.every(({ type, passesInARow }) => type === 'performance' || passesInARow >= health.successThreshold);
    if (instance.checks.some(({ failsInARow, errorsInARow }) => failsInARow >= health.failureThreshold || errorsInARow >= 4))
      instance.wasDown = true;
    if (started) {
      instance.proven = true;
      world.provenRevisions.add(instance.revision);
    }
    const steady = started && instance.blips.length === 0 && !mayChange(instance.behaviour, upMs);
    const downForGood = (instance.checks[1]?.failsInARow ?? 0) > 6;
    if (!steady && !downForGood) this.checkAfter(instance, health.intervalMs);
    this.changed();
  }

  /** The checks that the newest Plan asks of an Instance; null when it does not name its Revision. */
  healthOf({ revision }: SimInstance): Health | null {
    return this.taken?.terms[revision]?.health ?? null;
  }

  /** Something can be seen that could not be before: an Observation follows within 2 ms, one for all that happens until then. */
  changed(): void {
    if (this.flushing || !this.alive) return;
    this.flushing = true;
    this.later(2, () => {
      this.flushing = false;
      this.world.link.observe(this.observation());
    });
  }

  /** Whether calls to a Revision find an Instance that serves. */
  answers(revision: string): boolean {
    return this.instances.some((instance) => instance.revision === revision && instance.phase === 'connected' && instance.duty === 'serve');
  }

  observation(): Observation {
    const { world, outlook } = this;
    const { now } = world.queue;
    outlook.flow();
    return {
      service: serviceName,
      hostId: this.id,
      planGeneration: this.taken?.generation ?? 0,
      routeGeneration: this.inForce?.generation ?? 0,
      routed: this.misrouted === undefined ? (this.inForce?.route?.weights ?? null) : this.misrouted,
      instances: this.instances.map((instance) => ({
        id: instance.id,
        revision: instance.revision,
        phase: instance.phase,
        pid: 1,
        port: null,
        startedAt: instance.startedAt,
        connectedAt: instance.connectedAt,
        end: instance.end,
        contract: instance.connectedAt === null ? null : hashOf(instance.offer ?? world.offerOf(instance.revision)),
        checks: instance.checks,
        sessions: instance.sessions,
        inFlight: instance.inFlight(now),
      })),
      preview: outlook.preview,
      shadow: outlook.shadow,
      metrics: outlook.metrics,
      traffic: outlook.traffic.counters(),
    };
  }

  /** Runs an action of this life of the Host, later when the Host stands still. */
  later(delayMs: number, action: () => void): void {
    const { world } = this;
    world.queue.after(delayMs, () => {
      if (!this.alive) return;
      if (world.queue.now >= this.stalledUntil && this.deferred.length === 0) action();
      else if (this.deferred.push(action) === 1) this.resume();
    });
  }

  /** What fell due while it stood still is done in order when it goes on. */
  private resume(): void {
    const { queue } = this.world;
    queue.after(Math.max(0, this.stalledUntil - queue.now), () => {
      if (!this.alive) return;
      if (queue.now < this.stalledUntil) {
        this.resume();
        return;
      }
      for (const action of this.deferred.splice(0)) action();
    });
  }

  kill(): void {
    this.alive = false;
    for (const instance of this.instances) this.world.load.instanceGone(instance);
    this.instances = [];
    this.inForce = null;
  }
}
