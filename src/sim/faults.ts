/**
 * What goes wrong in the simulated world: when, drawn from its own stream of chance, and how. After each Change of the
 * Workload a handful of faults fall due; each seed allows only some kinds, so that rare mixtures come up too.
 */
import type { CheckOutcome } from '../model/observation.ts';
import type { Revision } from '../model/revision.ts';
import { Prng } from './prng.ts';
import type { SimInstance } from './host.ts';
import type { World } from './world.ts';

const kinds = [
  'controller-crash',
  'controller-crash-at-point',
  'controller-pause',
  'second-controller',
  'store-busy',
  'store-full',
  'store-unknown',
  'host-kill',
  'host-stall',
  'link-lag',
  'link-drop',
  'stale-observation',
  'stale-plan',
  'route-lag',
  'instance-kill',
  'start-fails',
  'check-blip',
  'check-down',
  'port-taken',
  'clock-jump',
  'metrics-down',
  'metrics-silent',
  'preview-breaks',
  'contract-late',
  'traffic-stops',
] as const;
export type FaultKind = (typeof kinds)[number];

/** In a calm run all faults that follow a Change begin within this time, and none lasts longer than longestMs. */
const calmWindowMs = 90_000;
const longestMs = 30_000;

export class Faults {
  count = 0;
  /** Faults that make an Instance fail or start anew: create and delete counts may differ from the twin's after them. */
  onInstances = 0;
  private readonly world: World;
  private readonly prng: Prng;
  private readonly enabled: readonly FaultKind[];
  private lagUntil = 0;
  private lagMs = 0;
  private routeLagUntil = 0;
  private startFailuresLeft = 0;
  private portTakenUntil = 0;
  private metricsDownUntil = 0;
  private metricsSilentUntil = 0;
  private previewBreaksUntil = 0;
  private contractLateUntil = 0;
  private noTrafficUntil = 0;

  constructor(world: World) {
    this.world = world;
    this.prng = new Prng(world.seed, 'faults');
    const probability = this.prng.pick([0.15, 0.3, 0.6]);
    const enabled = kinds.filter(() => this.prng.chance(probability));
    this.enabled = !world.options.faults ? [] : enabled.length > 0 ? enabled : [this.prng.pick(kinds)];
  }

  /** Draws the faults that follow a Change, which has the next one `gapMs` after it. */
  followChange(gapMs: number, calm: boolean): void {
    const { prng, world } = this;
    if (this.enabled.length === 0) return;
    const count = prng.between(0, calm ? 4 : 3);
    const windowMs = calm ? calmWindowMs : Math.max(gapMs, 50);
    for (let index = 0; index < count; index++) {
      const kind = prng.pick(this.enabled);
      const delayMs = Math.floor(windowMs * prng.fraction() ** 3);
      world.queue.after(delayMs, () => {
        if (!world.closing) this.strike(kind);
      });
    }
  }

  /** Everything that lasts ends now. */
  stop(): void {
    const { world } = this;
    this.lagUntil = 0;
    this.routeLagUntil = 0;
    this.startFailuresLeft = 0;
    this.portTakenUntil = 0;
    this.metricsDownUntil = 0;
    this.metricsSilentUntil = 0;
    this.previewBreaksUntil = 0;
    this.contractLateUntil = 0;
    this.noTrafficUntil = 0;
    world.store.busyLeft = 0;
    world.store.fullUntil = 0;
    world.store.nextUnknown = null;
    world.link.downUntil = 0;
    world.crashCountdown = 0;
    if (world.host !== null) world.host.stalledUntil = 0;
    for (const controller of world.controllers) controller.pausedUntil = Math.min(controller.pausedUntil, world.queue.now);
  }

  linkDelayMs(): number {
    return this.world.queue.now < this.lagUntil ? this.prng.between(0, this.lagMs) : 0;
  }

  routeLagMs(): number {
    return this.world.queue.now < this.routeLagUntil ? this.prng.between(1, 5_000) : 0;
  }

  /** How much later than the Plan says a Route may have come into force. */
  longestRouteLagMs(): number {
    return this.enabled.length === 0 ? 10 : 5_010;
  }

  /** What the sources of metrics do: answer, say that they cannot, or say nothing. */
  metrics(): 'answer' | 'down' | 'silent' {
    const { now } = this.world.queue;
    if (now < this.metricsSilentUntil) return 'silent';
    return now < this.metricsDownUntil ? 'down' : 'answer';
  }

  previewBreaks(): boolean {
    return this.world.queue.now < this.previewBreaksUntil;
  }

  trafficStops(): boolean {
    return this.world.queue.now < this.noTrafficUntil;
  }

  /** How long it takes until what a Contract says is known, once its hash has been seen. */
  contractLagMs(): number {
    return Math.max(this.world.workload.contractLagMs, this.contractLateUntil - this.world.queue.now);
  }

  /** The error code that a start fails with, or null. */
  startFault(revision: Revision): string | null {
    if (revision.run.exclusive && this.world.queue.now < this.portTakenUntil) return 'PortTaken';
    if (this.startFailuresLeft === 0) return null;
    this.startFailuresLeft -= 1;
    return 'StartFailed';
  }

  private strike(kind: FaultKind): void {
    const { world, prng } = this;
    const forMs = prng.between(100, longestMs);
    const controller = world.controllers.at(-1);
    this.count += 1;
    world.note('fault', `${kind} ${forMs}`);
    world.load.wakeUp();
    switch (kind) {
      case 'controller-crash':
        if (controller?.alive === true) world.controllerCrashed(controller, 'between passes');
        return;
      case 'controller-crash-at-point':
        world.crashCountdown = prng.between(1, 12);
        return;
      case 'controller-pause':
        if (controller !== undefined) controller.pausedUntil = world.queue.now + forMs;
        return;
      case 'second-controller':
        if (controller?.alive === true) world.startController();
        return;
      case 'store-busy':
        world.store.busyLeft = prng.between(1, 5);
        return;
      case 'store-full':
        world.store.fullUntil = world.queue.now + forMs;
        return;
      case 'store-unknown':
        world.store.nextUnknown = prng.chance(0.5) ? 'written' : 'not-written';
        return;
      case 'host-kill':
        this.onInstances += 1;
        world.killHost(prng.between(100, 8_000));
        return;
      case 'host-stall':
        if (world.host !== null) world.host.stalledUntil = world.queue.now + Math.min(forMs, 5_000);
        return;
      case 'link-lag':
        this.lagUntil = world.queue.now + forMs;
        this.lagMs = prng.between(1, 4_000);
        return;
      case 'link-drop':
        this.dropLink(Math.min(forMs, 10_000));
        return;
      case 'stale-observation':
        this.repeatObservation();
        return;
      case 'stale-plan':
        this.repeatPlan();
        return;
      case 'route-lag':
        this.routeLagUntil = world.queue.now + forMs;
        return;
      case 'instance-kill':
        this.onInstance((instance) => world.host?.finish(instance, 'Exited', 'fault'));
        return;
      case 'start-fails':
        this.onInstances += 1;
        this.startFailuresLeft = prng.between(1, 2);
        return;
      case 'check-blip':
        this.blip();
        return;
      case 'check-down':
        this.onInstance((instance) => {
          world.tainted.add(instance.revision);
          this.putChecks(instance, Array.from<CheckOutcome>({ length: 4 }).fill(prng.chance(0.5) ? 'fail' : 'error'));
        });
        return;
      case 'port-taken':
        this.onInstances += 1;
        this.portTakenUntil = world.queue.now + Math.min(forMs, 10_000);
        return;
      case 'clock-jump':
        world.jumpClock(prng.chance(0.5) ? 3_600_000 : -3_600_000);
        return;
      case 'metrics-down':
        this.metricsDownUntil = world.queue.now + forMs;
        return;
      case 'metrics-silent':
        this.metricsSilentUntil = world.queue.now + forMs;
        return;
      case 'preview-breaks':
        this.previewBreaksUntil = world.queue.now + forMs;
        return;
      case 'contract-late':
        this.contractLateUntil = world.queue.now + forMs;
        return;
      case 'traffic-stops':
        world.host?.outlook.flow();
        this.noTrafficUntil = world.queue.now + forMs;
    }
  }

  private onInstance(action: (instance: SimInstance) => void): void {
    const living = this.world.host?.instances.filter(({ phase }) => phase === 'starting' || phase === 'connected') ?? [];
    if (living.length === 0) return;
    this.onInstances += 1;
    action(this.prng.pick(living));
  }

  /** Fewer failures or errors than count: must change nothing. */
  private blip(): void {
    const { world, prng } = this;
    const proven = world.host?.instances.filter((instance) => instance.phase === 'connected' && instance.proven) ?? [];
    if (proven.length === 0) return;
    const instance = prng.pick(proven);
    const health = world.host?.healthOf(instance) ?? null;
    if (health === null || instance.blips.length > 0 || instance.checks[1]?.outcome !== 'pass') return;
    const errors = prng.chance(0.5);
    const count = errors ? prng.between(1, 3) : health.failureThreshold - 1;
    if (count > 0) this.putChecks(instance, Array.from<CheckOutcome>({ length: count }).fill(errors ? 'error' : 'fail'));
  }

  private putChecks(instance: SimInstance, outcomes: readonly CheckOutcome[]): void {
    instance.blips.push(...outcomes);
    if (instance.behaviour.worth === 'good') instance.blips.push('pass', 'pass');
    this.world.host?.checkAfter(instance, 10);
  }

  private dropLink(forMs: number): void {
    const { link, queue, controllers } = this.world;
    link.downUntil = queue.now + forMs;
    for (const controller of controllers) link.disconnect(controller);
    queue.after(forMs, () => link.restore());
  }

  /** Something seen a while ago is said again, as if it were now; the truth follows within seconds. */
  private repeatObservation(): void {
    const { world, prng } = this;
    const { host } = world;
    const old = world.link.saidObservations.filter(({ hostId }) => hostId === host?.id);
    if (host === null || old.length === 0) return;
    const observation = prng.pick(old);
    for (const controller of world.controllers) if (controller.alive && controller.host === host) controller.observed(observation);
    host.later(prng.between(1, 5_000), () => host.changed());
  }

  /** A Plan that the Host has, or has had, comes again. */
  private repeatPlan(): void {
    const { world, prng } = this;
    const newest = world.host?.taken?.generation ?? 0;
    const old = world.link.saidPlans.filter(({ plan }) => plan.generation <= newest);
    if (old.length === 0) return;
    const { epoch, plan } = prng.pick(old);
    world.host?.take(epoch, plan);
  }
}
