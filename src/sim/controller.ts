/**
 * One life of a simulated controller: observe → decide → persist → execute → sleep. Everything it holds in memory is
 * lost with it; a crash may come before and after every write and every send (its crash points, in order).
 */
import { restoreArchived } from '../core/adopt.ts';
import { serviceToCome } from '../core/declaration.ts';
import type { Command } from '../model/command.ts';
import type { Declaration, DependencyFact, Desired, GroupMember } from '../model/desired.ts';
import type { Observation } from '../model/observation.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Decision } from '../core/decide.ts';
import type { SimHost } from './host.ts';
import { dependencyName, partnerName, serviceName } from './services.ts';
import type { World } from './world.ts';

/** Thrown at a crash point to end a controller's life there and then. */
export class Crash {
  readonly point: string;
  constructor(point: string) {
    this.point = point;
  }
}

const busyRetryMs = 250;
const fullRetryMs = 2_000;
const notRead: Declaration = { kind: 'unknown', reason: 'not read yet' };
const dependencyFacts: Readonly<Record<'ready' | 'waiting', Readonly<Record<string, DependencyFact>>>> = {
  ready: { [dependencyName]: { declared: true, ready: true } },
  waiting: { [dependencyName]: { declared: true, ready: false } },
};

const noGroup: readonly GroupMember[] = [];

export class SimController {
  alive = true;
  epoch = 0;
  /** The Host it is connected to, and a number for each connection it made or lost. */
  host: SimHost | null = null;
  connection = 0;
  pausedUntil = 0;
  private readonly world: World;
  private record: ServiceRecord | null = null;
  private declaration: Declaration = notRead;
  private observation: Observation | null = null;
  private sentGeneration = 0;
  private forgetSent = false;
  private wakeUps = 0;
  private waiting = false;

  constructor(world: World) {
    this.world = world;
  }

  boot(sourceDelayMs: number): void {
    const { world } = this;
    this.live(() => {
      world.crashPoint('before takeEpoch');
      this.epoch = world.store.takeEpoch();
      world.crashPoint('after takeEpoch');
      this.reload();
      world.note('controller', `starts with epoch ${this.epoch}`);
      world.queue.after(sourceDelayMs, () => this.readSource());
      world.link.connect(this);
      this.pass();
    });
  }

  readSource(): void {
    if (!this.alive) return;
    this.declaration = this.world.source;
    this.pass();
  }

  /** The source has changed; before the first read nothing is known of it anyway. */
  sourceChanged(): void {
    if (this.declaration !== notRead) this.readSource();
  }

  /** What was seen before is void; null: this Host has never heard of the Service. */
  connected(observation: Observation | null): void {
    this.observation = observation;
    this.sentGeneration = 0;
    this.forgetSent = false;
    this.pass();
  }

  observed(observation: Observation): void {
    this.observation = observation;
    this.pass();
  }

  /** Runs one pass now, or as soon as it is not stopped (SIGSTOP) any more. A crash point may end it anywhere. */
  pass(): void {
    const { world } = this;
    if (!this.alive || this.waiting) return;
    const leftMs = this.pausedUntil - world.queue.now;
    if (leftMs > 0) {
      this.waiting = true;
      world.queue.after(leftMs, () => {
        this.waiting = false;
        this.pass();
      });
      return;
    }
    this.live(() => this.passOnce());
  }

  private passOnce(): void {
    const { world, observation } = this;
    const now = world.wallNow();
    const { archived } = world.store;
    const declared = this.declaration.kind === 'declared' || this.declaration.kind === 'invalid';
    const before = this.record === null && archived !== null && declared ? restoreArchived(archived, now) : this.record;
    const commands = world.store.commandsAfter(before?.commandId ?? 0);
    const desired: Desired = {
      service: serviceName,
      declaration: this.declaration,
      dependencies: world.dependencyReady ? dependencyFacts.ready : dependencyFacts.waiting,
      group: this.group(before, commands),
      contracts: world.knownContracts,
      driftPolicy: world.policies.inForce,
      files: null,
      commands,
    };
    const decision = world.decide(this.epoch, desired, before, observation, now);
    if (!this.persist(decision)) return;
    this.execute(decision);
    this.sleep(decision.wakeAt, now);
  }

  private group(before: ServiceRecord | null, commands: readonly Command[]): readonly GroupMember[] {
    const { world, declaration } = this;
    if (serviceToCome(before, declaration, commands)?.migration.releaseTogether == null) return noGroup;
    return [{ service: partnerName, stands: world.partner, snapshot: world.partnerSnapshot }];
  }

  /** True when what was decided is stored, so that it may be carried out. */
  private persist({ record, events, archive }: Decision): boolean {
    const { world } = this;
    if (record === null || (record === this.record && events.length === 0 && !archive)) return true;
    world.crashPoint('before save');
    const outcome = world.store.save(this.epoch, record, events, archive, world.queue.now);
    world.crashPoint('after save');
    switch (outcome) {
      case 'saved':
        world.note('store', `saves ${record.state} plan ${record.planGeneration}${archive ? ' archived' : ''}`);
        for (const { reason, message } of events) world.note('event', `${reason}: ${message}`);
        world.saved(record);
        this.record = archive ? null : record;
        return true;
      case 'stale-epoch':
        world.note('store', `refuses epoch ${this.epoch}`);
        this.alive = false;
        return false;
      case 'unknown':
        world.note('store', 'does not say whether it saved');
        this.reload();
        this.wakeAfter(busyRetryMs);
        return false;
      case 'busy':
      case 'full':
        world.note('store', `refuses: ${outcome}`);
        this.wakeAfter(outcome === 'busy' ? busyRetryMs : fullRetryMs);
        return false;
    }
  }

  private execute({ plan }: Decision): void {
    const { world, observation } = this;
    if (this.host === null) return;
    if (plan === null) {
      const known = observation !== null && (observation.planGeneration > 0 || observation.instances.length > 0);
      if (!known || this.forgetSent) return;
      world.crashPoint('before forget');
      world.link.forget(this);
      this.forgetSent = true;
      this.sentGeneration = 0;
      world.crashPoint('after forget');
    } else if (plan.generation !== this.sentGeneration) {
      world.crashPoint('before send');
      world.link.send(this, plan);
      this.sentGeneration = plan.generation;
      this.forgetSent = false;
      world.crashPoint('after send');
    }
  }

  private sleep(wakeAt: number | null, now: number): void {
    if (wakeAt === null) this.wakeUps += 1;
    else this.wakeAfter(wakeAt - now);
  }

  private wakeAfter(delayMs: number): void {
    const wakeUp = ++this.wakeUps;
    this.world.queue.after(delayMs, () => {
      if (this.wakeUps === wakeUp) this.pass();
    });
  }

  /** Reads the Record as a new process would: through its serialized form. */
  private reload(): void {
    const { record } = this.world.store;
    this.record = record === null ? null : (JSON.parse(JSON.stringify(record)) as ServiceRecord);
  }

  private live(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      if (!(thrown instanceof Crash)) throw thrown;
      this.world.controllerCrashed(this, thrown.point);
    }
  }
}
