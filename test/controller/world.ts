/** A controller with everything around it made up: a source and a compiler that say what a test says, a Host that obeys, time that stands still. */
import { Controller } from '../../src/controller/controller.ts';
import type { GuardPrune } from '../../src/controller/declarations.ts';
import type { Proposals } from '../../src/controller/parts.ts';
import { decide, type Decide } from '../../src/core/decide.ts';
import type { DriftPolicy, FilesDrift } from '../../src/model/drift.ts';
import type { Issue } from '../../src/model/issue.ts';
import type { Observation, ObservedInstance } from '../../src/model/observation.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { Provenance } from '../../src/model/provenance.ts';
import type { Service } from '../../src/model/service.ts';
import type { Snapshot, UnmatchedPath } from '../../src/model/snapshot.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Compilation, Compiler } from '../../src/ports/compiler.ts';
import type { Forge } from '../../src/ports/forge.ts';
import type { HostLink, HostListener } from '../../src/ports/host-link.ts';
import type { Change as SourceChange, SourceEvent, SourceListener, WritableSource, Written } from '../../src/ports/source.ts';
import type { Change, Store } from '../../src/ports/store.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';

export class VirtualClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  elapsedMs(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves time on and fires what is due; what that sets off has run when this resolves. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settleMicrotasks();
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = until;
    await settleMicrotasks();
  }
}

async function settleMicrotasks(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
}

/** A Host that starts, connects and stops at once whatever a Plan says, unless told to hold back. */
export class FakeHost implements HostLink {
  readonly sent: (Plan | { readonly forget: string })[] = [];
  readonly plans = new Map<string, Plan>();
  hostId = 'host-1';
  /** Whether what is started of a Revision (by hash) ever connects. */
  connects: (revision: string) => boolean = () => true;
  /** Hash of the Contract that what is started of a Revision (by hash) offers. */
  offers: (revision: string) => string | null = () => null;
  traffic: Observation['traffic'] = {};
  /** Service → id of an Instance that no Plan names; stopped by the next Plan that does not spare it. */
  readonly strangers = new Map<string, string>();
  epoch = 0;
  #listener: HostListener | null = null;

  start(epoch: number, listener: HostListener): void {
    this.epoch = epoch;
    this.#listener = listener;
  }

  /** The Host answers the greeting. */
  connect(): void {
    this.#listener!.connected(
      this.hostId,
      [...this.plans.keys()].map((service) => this.observationOf(service)),
    );
  }

  disconnect(reason = 'gone'): void {
    this.#listener!.disconnected(reason);
  }

  send(plan: Plan): void {
    this.sent.push(plan);
    this.plans.set(plan.service, plan);
    if (!plan.spared.includes(this.strangers.get(plan.service) ?? '')) this.strangers.delete(plan.service);
    this.report(plan.service);
  }

  forget(service: string): void {
    this.sent.push({ forget: service });
    this.plans.delete(service);
  }

  report(service: string): void {
    const listener = this.#listener!;
    queueMicrotask(() => {
      if (this.plans.has(service)) listener.observed(this.observationOf(service));
    });
  }

  observationOf(service: string): Observation {
    const plan = this.plans.get(service)!;
    const instances = plan.instances.map(({ id, revision }): ObservedInstance => ({
      id,
      revision,
      phase: this.connects(revision) ? 'connected' : 'starting',
      pid: 1,
      port: null,
      startedAt: 1,
      connectedAt: this.connects(revision) ? 1 : null,
      end: null,
      contract: this.connects(revision) ? this.offers(revision) : null,
      checks: this.connects(revision)
        ? plan.terms[revision]!.health.checks.map(({ name, type }) => ({
            name,
            type,
            outcome: 'pass' as const,
            message: '',
            at: 1,
            latencyMs: 1,
            passesInARow: plan.terms[revision]!.health.successThreshold,
            failsInARow: 0,
            errorsInARow: 0,
          }))
        : [],
      sessions: 0,
      inFlight: 0,
    }));
    const { hostId } = this;
    const stranger = this.strangers.get(service);
    if (stranger !== undefined && instances[0] !== undefined) instances.push({ ...instances[0], id: stranger });
    const seen = { planGeneration: plan.generation, routeGeneration: plan.generation, routed: plan.route?.weights ?? null, instances };
    return { service, hostId, ...seen, preview: null, shadow: null, metrics: [], traffic: this.traffic };
  }

  async close(): Promise<void> {}
}

/** A source and a compiler in one: a Snapshot is the Services (and Issues) that a test declares. */
export class FakeSource implements WritableSource, Compiler {
  readonly name: string;
  #listener: SourceListener | null = null;
  #declared: { services: readonly Service[]; invalid: Readonly<Record<string, readonly Issue[]>> } | null = null;
  #sequence = 0;
  #down = false;
  #last = new Map<string, string>();
  suspended = false;
  compilations = 0;
  failCompilations = 0;
  doubtfulFiles: readonly string[] = [];
  /** What it was told at its start; undefined before that. */
  lastApplied: string | null | undefined;

  drift: DriftPolicy = 'correct';
  /** What its Snapshots have nothing at. */
  unmatchedPaths: readonly UnmatchedPath[] = [];
  /** Its Snapshots are commits. */
  isGit = false;

  constructor(name = 'folder') {
    this.name = name;
  }

  async start(listener: SourceListener, lastApplied: string | null = null): Promise<void> {
    this.lastApplied = lastApplied;
    this.#listener = listener;
    this.#handOut();
  }

  declare(services: readonly Service[], invalid: Readonly<Record<string, readonly Issue[]>> = {}): void {
    this.#declared = { services, invalid };
    this.#down = false;
    this.#sequence += 1;
    this.#handOut();
  }

  /** Once, or with `stays` until something is declared. */
  unreadable(message: string, stays = false): void {
    this.#down = stays;
    this.#listener!.unreadable(message);
  }

  /** Nothing can be read of it until something is declared. */
  stayDown(): void {
    this.#down = true;
  }

  happens(event: SourceEvent): void {
    this.#listener!.happened!(event);
  }

  drifts(drift: FilesDrift | null): void {
    this.#listener!.drifted!(drift);
  }

  /** What is declared meanwhile is there, and is not said before somebody asks. */
  quietly(declare: () => void): void {
    const listener = this.#listener;
    this.#listener = null;
    declare();
    this.#listener = listener;
  }

  #handOut(): void {
    if (this.#declared === null || this.#listener === null || this.suspended || this.#down) return;
    const id = `${this.name === 'folder' ? 'snapshot' : this.name}-${this.#sequence}`;
    const commit = { id, parent: null, author: 'Ada', email: 'ada@example.org', subject: 'Change', committedAt: 1 };
    const { unmatchedPaths } = this;
    this.#listener.snapshot({ source: this.name, id, root: '/', takenAt: 1, files: [], unmatchedPaths, ...(this.isGit ? { commit } : {}) });
  }

  async compile(snapshot: Snapshot): Promise<Compilation> {
    this.compilations += 1;
    if (this.failCompilations > 0) {
      this.failCompilations -= 1;
      throw new Error('the compiler broke');
    }
    const { services, invalid } = this.#declared!;
    const changed = services.filter((service) => this.#last.get(service.name) !== service.specHash);
    this.#last = new Map(services.map((service) => [service.name, service.specHash]));
    return {
      snapshot: snapshot.id,
      changed,
      valid: services.map(({ name }) => name).sort(),
      invalid,
      issues: Object.values(invalid).flat(),
      empty: services.length === 0 && Object.keys(invalid).length === 0,
      doubtfulFiles: this.doubtfulFiles,
    };
  }

  async preview(_files: Readonly<Record<string, string | null>>): Promise<Compilation> {
    throw new Error('not asked for here');
  }

  async explain(): Promise<readonly Provenance[]> {
    return [];
  }

  /** As a new process would begin. */
  restart(): FakeSource {
    const source = new FakeSource(this.name);
    source.#declared = this.#declared;
    source.#sequence = this.#sequence;
    source.isGit = this.isGit;
    source.drift = this.drift;
    source.unmatchedPaths = this.unmatchedPaths;
    return source;
  }

  async refresh(): Promise<void> {
    this.#handOut();
  }

  suspend(): void {
    this.suspended = true;
  }

  resume(): void {
    this.suspended = false;
  }

  async write(_change: SourceChange): Promise<Written> {
    throw new Error('not written to here');
  }

  async close(): Promise<void> {}
}

/** Counts writes, and fails or stops where a test says. */
type WatchedStore = Store & { readonly saves: (readonly Change[])[]; failSaves: number; failFor: string | null; afterSave: () => void };

export function watchedStore(inner: Store): WatchedStore {
  const watched = {
    saves: [] as (readonly Change[])[],
    failSaves: 0,
    failFor: null as string | null,
    afterSave: (): void => {},
    async save(epoch: number, changes: readonly Change[]) {
      if (watched.failSaves > 0) {
        watched.failSaves -= 1;
        throw new Error('disk');
      }
      if (changes.some(({ record }) => record.service === watched.failFor)) throw new Error('unstorable');
      const events = await inner.save(epoch, changes);
      watched.saves.push(changes);
      watched.afterSave();
      return events;
    },
  };
  return new Proxy(watched as unknown as WatchedStore, {
    get: (target, key: string): unknown => {
      if (key in target) return (target as unknown as Record<string, unknown>)[key];
      const value = (inner as unknown as Record<string, unknown>)[key];
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
    },
  });
}

export class World {
  readonly clock = new VirtualClock();
  readonly store = watchedStore(createMemoryStore());
  host = new FakeHost();
  sources: FakeSource[] = [new FakeSource()];
  readonly problems: string[] = [];

  fenced = false;
  guardPrune: GuardPrune = () => [];
  decide: Decide = decide;
  forge: Forge | null = null;
  proposals: Proposals | null = null;
  controller!: Controller;

  /** The only source, or the first. */
  get source(): FakeSource {
    return this.sources[0]!;
  }

  async start(): Promise<this> {
    this.controller = await Controller.start({
      store: this.store,
      sources: this.sources.map((source) => ({
        source,
        kind: source.isGit ? 'git' : 'folder',
        drift: source.drift,
        location: `/${source.name}`,
        compiler: source,
        forge: this.forge,
        proposals: this.proposals,
      })),
      link: this.host,
      clock: this.clock,
      decide: (...facts) => this.decide(...facts),
      guardPrune: (facts) => this.guardPrune(facts),
      about: () => ({
        version: '0',
        dataDir: '/data',
        adminSocket: '/data/admin.sock',
        gatewayUrl: 'http://127.0.0.1:1',
        statusUrl: 'http://127.0.0.1:2',
        webhooksUrl: null,
        startedAt: 1,
        pids: { supervisor: null, controller: 1, host: null },
      }),
      onProblem: (message, error) => this.problems.push(`${message}: ${String(error)}`),
      onFenced: () => (this.fenced = true),
    });
    return this;
  }

  /** Started, connected, and with these Services brought as far as they come at once. */
  async with(...services: Service[]): Promise<this> {
    this.source.declare(services);
    await this.start();
    this.host.connect();
    await this.settle();
    return this;
  }

  /** What has been set off has run; time stands still but for the turns between batches. */
  async settle(): Promise<void> {
    await this.clock.advance(0);
  }

  /** The controller is killed: nothing it had in memory is left. The Host and the store go on. */
  async kill(): Promise<void> {
    const { plans, hostId, connects, offers, traffic } = this.host;
    await this.controller.close();
    this.host = new FakeHost();
    this.host.hostId = hostId;
    Object.assign(this.host, { connects, offers, traffic });
    for (const [service, plan] of plans) this.host.plans.set(service, plan);
    this.sources = this.sources.map((source) => source.restart());
  }

  state(service: string): string | undefined {
    return this.controller.readModel.service(service)?.record.state;
  }

  async reasons(service?: string): Promise<string[]> {
    return (await this.store.events(service === undefined ? {} : { service })).map(({ reason }) => reason);
  }
}
