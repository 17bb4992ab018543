/**
 * One simulated world: a Service with its source, a store, a host with Instances, clients, operators and controllers,
 * under one virtual clock. Same options, same run, to the last line of the trace.
 */
import type { CommandKind } from '../model/command.ts';
import type { Decide, Decision } from '../core/decide.ts';
import type { Declaration, Desired } from '../model/desired.ts';
import type { Observation } from '../model/observation.ts';
import type { PlannedInstance } from '../model/plan.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Contract } from '../model/contract.ts';
import type { Revision } from '../model/revision.ts';
import type { StrategyName } from '../model/service.ts';
import { contractOf, hashOf, type Offer } from './contracts.ts';
import { Crash, SimController } from './controller.ts';
import { DriftWatch } from './drift-invariants.ts';
import { DriftPolicies } from './drift-policies.ts';
import { EventQueue } from './event-queue.ts';
import { Faults } from './faults.ts';
import { SimHost, type SimInstance } from './host.ts';
import { checkDecision } from './invariants.ts';
import { Link } from './link.ts';
import { Load } from './load.ts';
import { Locks } from './locks.ts';
import { Prng } from './prng.ts';
import { SimStore } from './store.ts';
import { mayBeUnavailable } from './strategy-invariants.ts';
import { Tampering } from './tampering.ts';
import { Trace } from './trace.ts';
import { serviceName } from './services.ts';
import { Watch } from './watch.ts';
import { calmWaitMs, Workload, type Change, type Stands } from './workload.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly faults: boolean;
  /** Changes end after so many steps … */
  readonly steps: number;
  /** … or after so many Changes and at this virtual instant, to do just what a run before did. */
  readonly twinOf: { readonly changes: number; readonly stopAt: number } | null;
  /** Crash the controller at its n-th crash point, counted from 1. */
  readonly crashAt: number | null;
  readonly trace: boolean;
  /** Only Rollouts of this strategy; null: any. */
  readonly strategy: StrategyName | null;
}

/** Thrown to end a run: something that must never be so is so. */
export class Violation extends Error {
  readonly oracle: string;
  constructor(oracle: string, message: string) {
    super(message);
    this.name = 'Violation';
    this.oracle = oracle;
  }
}

/** A wall clock's reading when a run begins. */
const epochMs = 1_800_000_000_000;
/** After the last Change and fault everything must be as it should within this, and stay so. */
export const settleMs = 25 * 60_000;
const stayMs = 8 * 60_000;
/** More passes than this in one virtual second is a busy loop. */
const passesInASecond = 200;

export class World {
  readonly seed: number;
  readonly options: WorldOptions;
  readonly queue = new EventQueue();
  readonly trace: Trace;
  readonly workload: Workload;
  readonly store = new SimStore();
  readonly link: Link;
  readonly faults: Faults;
  readonly load: Load;
  readonly controllers: SimController[] = [];
  host: SimHost | null = null;
  source: Declaration = { kind: 'unknown', reason: 'nothing yet' };
  dependencyReady: boolean;
  /** How the other member of the group stands. */
  partner: Stands = 'settled';
  partnerWasRejected = false;
  /** Contracts of which the controllers have been told what they say. */
  knownContracts: Readonly<Record<string, Contract>> = {};
  closing = false;
  clockJumped = false;
  changes = 0;
  passes = 0;
  starts = 0;
  crashPoints = 0;
  /** Crash at the so many-th crash point from now; 0: none is due. */
  crashCountdown = 0;
  /** Starts so far of each Revision, and Revisions of which an Instance passed its checks. */
  readonly attempts = new Map<string, number>();
  readonly provenRevisions = new Set<string>();
  /** Revisions that faults made fail so often or so badly that rejecting them is right. */
  readonly tainted = new Set<string>();
  readonly invalidSnapshots = new Set<string>();
  /** Revisions of which faults made an Instance fail. */
  readonly hurt = new Set<string>();
  readonly watch = new Watch();
  readonly driftWatch = new DriftWatch();
  readonly policies: DriftPolicies;
  readonly tampering: Tampering;
  readonly locks: Locks;
  drifted = false;
  /** A Revision was taken back after its promotion. */
  regressed = false;
  private partnerReleases = 0;
  aborts = 0;
  /** Somebody gave a command before everything came to rest. */
  operatorActs = false;
  private readonly decideFn: Decide;
  private readonly prng: Prng;
  private skewMs = 0;
  /** By how much the clock was set back in all: what waits for an instant waits so much longer. */
  private setBackMs = 0;
  private stopAskedAt = -Infinity;
  private hosts = 0;
  /** A manifest of this run has let a rolling Rollout leave nobody ready. */
  private allowedNone = false;
  private readonly offers: Map<string, Offer>;
  private failures = new Map<string, { all: number; byFaults: number }>();
  private second = 0;
  private passesThisSecond = 0;

  constructor(options: WorldOptions, decide: Decide) {
    this.options = options;
    this.seed = options.seed;
    this.decideFn = decide;
    this.trace = new Trace(options.trace);
    this.workload = new Workload(options.seed, options.strategy);
    this.offers = new Map(this.workload.offers);
    this.prng = new Prng(options.seed, 'world');
    this.dependencyReady = this.workload.initialDependencyReady;
    this.link = new Link(this);
    this.faults = new Faults(this);
    this.policies = new DriftPolicies(this);
    this.tampering = new Tampering(this);
    this.locks = new Locks(this);
    this.load = new Load(this);
    this.crashCountdown = options.crashAt ?? 0;
  }

  /** Runs the whole of it: Changes and faults, then quiet. Throws Violation. Returns the virtual instant at which Changes ended. */
  run(): number {
    this.apply(this.workload.first());
    this.startHost();
    this.startController();
    this.planNext();
    const stopAt = this.runChanges();
    this.settle();
    return stopAt;
  }

  private runChanges(): number {
    const { queue, options } = this;
    const { twinOf } = options;
    if (twinOf !== null) {
      while (queue.step(twinOf.stopAt));
      return twinOf.stopAt;
    }
    while (queue.steps < options.steps && queue.step(Infinity));
    return queue.now;
  }

  /** Faults stop, whatever is down comes back, and time passes. */
  private settle(): void {
    this.closing = true;
    this.faults.stop();
    this.note('world', 'faults stop');
    if (this.host === null) this.startHost();
    if (this.controllers.at(-1)?.alive !== true) this.startController();
    this.link.restore();
    this.host?.changed();
    if (this.workload.freesAtEnd) {
      this.pass(calmWaitMs);
      this.free();
    }
    this.pass(settleMs + this.setBackMs);
  }

  /** Lets some more time pass, in which nothing may change by itself. */
  stay(): void {
    this.pass(stayMs);
  }

  /** Time passes; it does not end between a Plan's being stored and its being in force. */
  private pass(forMs: number): void {
    const { queue } = this;
    const until = queue.now + forMs;
    while (queue.step(until));
    for (let more = 0; more < 100 && this.host?.inForce?.generation !== this.store.record?.planGeneration; more++)
      while (queue.step(until + more * 10));
  }

  private planNext(): void {
    if (!this.mayChange()) return;
    const gapMs = this.workload.gapMs();
    this.faults.followChange(gapMs, this.workload.calm);
    this.policies.followChange(gapMs);
    this.tampering.followChange(gapMs);
    this.locks.followChange(gapMs);
    this.queue.after(gapMs, () => {
      if (!this.mayChange()) return;
      this.apply(this.workload.next());
      this.planNext();
    });
  }

  /** Whether Changes may still come: no more than there were in the run that this one is the twin of. */
  mayChange(): boolean {
    const { twinOf } = this.options;
    return !this.closing && (twinOf === null || this.changes < twinOf.changes);
  }

  /** Another commit, which is a Change unless it comes after all of them. */
  sourceBecomes(declaration: Declaration): void {
    if (!this.closing) this.changes += 1;
    this.source = declaration;
    for (const controller of this.living()) controller.sourceChanged();
  }

  private apply(change: Change): void {
    this.changes += 1;
    if (this.workload.calm && change.kind === 'source' && this.store.record?.rollout == null) this.failures.clear();
    this.load.wakeUp();
    switch (change.kind) {
      case 'source':
        if (change.partner !== null) this.partnerIs(change.partner);
        this.source = this.locks.beside(change.declaration);
        if (this.source.kind === 'absent' || (this.source.kind === 'declared' && this.source.service.state !== 'Active'))
          this.stopAskedAt = this.queue.now;
        if (this.source.kind === 'invalid') this.invalidSnapshots.add(this.source.snapshot);
        this.note('source', change.what);
        for (const controller of this.living()) controller.sourceChanged();
        return;
      case 'dependency':
        this.dependencyReady = change.ready;
        this.note('source', `dependency ready: ${change.ready}`);
        for (const controller of this.living()) controller.pass();
        return;
      case 'partner':
        this.partnerBecomes(change.stands);
        return;
      case 'drift':
        this.locks.keepOneAsItWas(change.revision);
        this.offers.set(change.revision, change.offer);
        this.drifted = true;
        this.note('service', `${change.revision.slice(0, 8)} drifts to ${hashOf(change.offer)}`);
        this.contractSeen(hashOf(change.offer));
        this.host?.changed();
        return;
      case 'command':
        this.operatorActs = true;
        this.command(change.command);
    }
  }

  private command(command: CommandKind): void {
    this.note('operator', command);
    if (command === 'abort') this.aborts += 1;
    this.store.addCommand(serviceName, command, this.wallNow());
    for (const controller of this.living()) controller.pass();
  }

  private partnerBecomes(stands: Stands): void {
    this.partnerIs(stands);
    for (const controller of this.living()) controller.pass();
  }

  private partnerIs(stands: Stands): void {
    this.partner = stands;
    if (stands === 'moving') this.partnerReleases += 1;
    if (stands === 'rejected') this.partnerWasRejected = true;
    this.note('partner', stands);
  }

  /** Names the release that the other member of the group is in. */
  get partnerSnapshot(): string {
    return `snapshot-of-peer-${this.partnerReleases}`;
  }

  /** Nobody holds anything up any more. */
  private free(): void {
    if (this.partner !== 'settled') this.partnerBecomes('settled');
    this.locks.free();
    this.policies.free();
    this.command('resume-rollout');
    this.command('promote-full');
  }

  /** What the Instances of a Revision offer now. */
  offerOf(revision: string): Offer {
    return this.offers.get(revision) ?? this.workload.offers.get(revision)!;
  }

  /** The controllers are told what a Contract says, at once or when a fault lets them. */
  contractSeen(hash: string): void {
    if (this.knownContracts[hash] !== undefined) return;
    const learn = (): void => {
      this.knownContracts = { ...this.knownContracts, [hash]: contractOf(hash) };
      for (const controller of this.living()) controller.pass();
    };
    const lagMs = this.faults.contractLagMs();
    if (lagMs === 0) this.knownContracts = { ...this.knownContracts, [hash]: contractOf(hash) };
    else this.queue.after(lagMs, learn);
  }

  private living(): SimController[] {
    return this.controllers.filter(({ alive }) => alive);
  }

  wallNow(): number {
    return epochMs + this.queue.now + this.skewMs;
  }

  jumpClock(byMs: number): void {
    this.skewMs += byMs;
    if (byMs < 0) this.setBackMs -= byMs;
    this.clockJumped = true;
  }

  note(who: string, what: string): void {
    this.trace.note(this.queue.now, who, what);
  }

  violate(oracle: string, message: string): never {
    this.note('violation', `${oracle}: ${message}`);
    throw new Violation(oracle, message);
  }

  /**
   * The heart, and every invariant that can be judged from what it was given and what it answered. What a controller of an
   * older epoch decides is not judged: neither store nor Host take it.
   */
  decide(epoch: number, desired: Desired, before: ServiceRecord | null, observation: Observation | null, now: number): Decision {
    this.passes += 1;
    const second = Math.floor(this.queue.now / 1_000);
    if (second !== this.second) {
      this.second = second;
      this.passesThisSecond = 0;
    }
    if (++this.passesThisSecond > passesInASecond) this.violate('no-busy-loop', `${this.passesThisSecond} passes within a second`);
    const decision = this.decideFn(desired, before, observation, now);
    if (epoch === this.store.epoch) checkDecision(this, { decide: this.decideFn, desired, before, observation, now, decision });
    return decision;
  }

  startController(): void {
    const controller = new SimController(this);
    if (this.controllers.length > 4) this.controllers.shift();
    this.controllers.push(controller);
    controller.boot(this.changes > 1 ? this.prng.between(0, 1_500) : 5);
  }

  /** Counts the points at which a controller may crash, and crashes it when the countdown is over. */
  crashPoint(name: string): void {
    this.crashPoints += 1;
    if (this.crashCountdown === 0) return;
    this.crashCountdown -= 1;
    if (this.crashCountdown === 0) throw new Crash(name);
  }

  controllerCrashed(controller: SimController, point: string): void {
    this.note('controller', `crashes ${point}`);
    controller.alive = false;
    this.link.disconnect(controller);
    this.queue.after(this.prng.between(50, 5_000), () => {
      if (this.controllers.at(-1)?.alive !== true) this.startController();
    });
  }

  startHost(): void {
    this.hosts += 1;
    this.host = new SimHost(this, this.hosts);
    this.note('host', `${this.host.id} starts`);
    this.link.restore();
  }

  killHost(forMs: number): void {
    if (this.host === null) return;
    this.note('host', `${this.host.id} is killed`);
    this.host.kill();
    this.host = null;
    for (const controller of this.controllers) this.link.disconnect(controller);
    this.queue.after(forMs, () => {
      if (this.host === null) this.startHost();
    });
  }

  /** An Instance is about to be started: it must be on record, and an exclusive one must be alone. */
  beforeStart(planned: PlannedInstance, revision: Revision, host: SimHost): void {
    if (!this.store.instanceIds.has(planned.id)) this.violate('no-ghost', `${planned.id} starts without a record`);
    const alive = host.instances.filter((instance) => instance.alive);
    const isAlone = alive.every((instance) => !instance.exclusive && !revision.run.exclusive);
    if (!isAlone && !host.lost.has(planned.id))
      this.violate('exclusive-alone', `${planned.id} starts beside ${alive.map(({ id }) => id).join(', ')}`);
  }

  /** A Record has been stored. */
  saved(record: ServiceRecord): void {
    if (mayBeUnavailable(record)) this.allowedNone = true;
    const { stable, verdicts, leaving, rejections } = record;
    const [last] = verdicts;
    if (rejections.some(({ reason }) => reason === 'UnhealthyAfterPromotion')) this.regressed = true;
    for (const instance of this.host?.instances ?? []) {
      const { revision, duty } = instance;
      if (duty !== 'serve') continue;
      const wasCalled = last !== undefined && last.weight > 0 && last.target.endsWith(revision.slice(0, 8));
      const left = wasCalled && last.result === 'Superseded' && last.reason !== 'Stopped' && leaving.some(({ hash }) => hash === revision);
      if (left || revision === stable?.hash) instance.wasPromised = true;
      // What was called and taken back gets no call any more, though it had been superseded before.
      else if (wasCalled && (last.result === 'Aborted' || last.result === 'RolledBack')) instance.wasPromised = false;
    }
  }

  instanceFailed(revision: string, by: 'itself' | 'fault'): void {
    const counted = this.failures.get(revision) ?? { all: 0, byFaults: 0 };
    counted.all += 1;
    if (by === 'fault') {
      counted.byFaults += 1;
      this.hurt.add(revision);
    }
    this.failures.set(revision, counted);
    if (counted.byFaults > 0 && counted.all >= 3) this.tainted.add(revision);
  }

  /** Sessions are not kept when the Service is to stop, on an Instance that fails, nor while an exclusive one is swapped. */
  drainsEarly(instance: SimInstance): boolean {
    return this.queue.now - this.stopAskedAt < 60_000 || instance.exclusive || instance.wasDown;
  }

  /** Nobody may be refused or left waiting while a healthy stable Revision could have answered. */
  callRefused(): void {
    const record = this.store.record;
    const upToDate = record?.planGeneration === this.host?.inForce?.generation;
    if (!upToDate || record?.desired?.state !== 'Active' || record.deleting || record.stable === null) return;
    this.violate('no-call-refused', 'a call was refused while a stable revision should serve');
  }

  callTimedOut(): void {
    const record = this.store.record;
    if (this.options.faults || !this.workload.calm || record?.stable === null || record === null) return;
    if (this.workload.mayBeExclusive || this.allowedNone) return;
    if (record.state === 'Active' || record.state === 'Updating')
      this.violate('no-call-left-waiting', `a call found no instance within its time-out in state ${record.state}`);
  }
}
