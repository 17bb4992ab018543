/** A situation for the heart: one Service, what the Host would say of it, and time, all set by hand, one pass at a time. */
import { hashValue } from '../../src/base/hash.ts';
import { decide, type Decision } from '../../src/core/decide.ts';
import type { CommandKind } from '../../src/model/command.ts';
import type { Contract } from '../../src/model/contract.ts';
import type { Declaration, DependencyFact, GroupMember } from '../../src/model/desired.ts';
import type { DriftPolicy, FilesDrift } from '../../src/model/drift.ts';
import type { EventDraft } from '../../src/model/event.ts';
import {
  latencyBoundsMs,
  noTraffic,
  type CheckOutcome,
  type Observation,
  type ObservedInstance,
  type ShadowReport,
  type TrafficCounters,
} from '../../src/model/observation.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { ServiceRecord } from '../../src/model/record.ts';
import type { Revision } from '../../src/model/revision.ts';
import type { Service } from '../../src/model/service.ts';
import { migrationOf } from '../fixtures/migration.ts';

export function revision(version: string, exclusive = false): Revision {
  const run = {
    runtime: 'process' as const,
    transport: 'stdio' as const,
    command: ['node', `${version}.js`],
    cwd: '/srv',
    env: {},
    port: null,
    path: '/mcp',
    isolation: 'shared' as const,
    sandbox: 'basic' as const,
    exclusive,
    maxMessageBytes: 10_485_760,
  };
  const hash = hashValue(run);
  return { name: `files-${hash.slice(0, 8)}`, hash, run };
}

export function service(version: string, more: Partial<Service> & { exclusive?: boolean } = {}): Service {
  const { exclusive, ...fields } = more;
  const made: Omit<Service, 'specHash'> = {
    name: 'files',
    labels: {},
    annotations: {},
    formerly: null,
    description: '',
    tags: [],
    type: 'server',
    state: 'Active',
    revision: revision(version, exclusive),
    replicas: 1,
    affinity: 'session',
    limits: { startTimeoutMs: 30_000, stopTimeoutMs: 10_000, drainTimeoutMs: 30_000, callTimeoutMs: 60_000, maxConcurrentCalls: 64 },
    dependsOn: [],
    expose: { tools: { allow: [], deny: [], rename: {} }, prefix: 'files' },
    health: { intervalMs: 30_000, checks: [{ name: 'alive', type: 'basic', timeoutMs: 5_000 }], failureThreshold: 3, successThreshold: 1 },
    migration: migrationOf({}),
    origin: { source: 'folder', snapshot: `snap-${version}`, file: 'files.yaml', line: 1 },
    ...fields,
  };
  const { origin: _origin, ...hashed } = made;
  return { ...made, specHash: hashValue(hashed) };
}

export class Situation {
  now = 1_000_000;
  record: ServiceRecord | null = null;
  last: Decision | null = null;
  hostId = 'host-1';
  readonly events: EventDraft[] = [];
  declaration: Declaration = { kind: 'unknown', reason: 'not read yet' };
  dependencies: Record<string, DependencyFact> = {};
  group: GroupMember[] = [];
  contracts: Record<string, Contract> = {};
  traffic: Record<string, TrafficCounters> = {};
  preview: Observation['preview'] = null;
  shadow: ShadowReport | null = null;
  private commandId = 0;
  private commands: { id: number; service: string; kind: CommandKind; uid: number; at: number }[] = [];
  private plan: Plan | null = null;
  private seen = new Map<string, ObservedInstance>();
  hostConnected = true;
  driftPolicy: DriftPolicy = 'correct';
  files: FilesDrift | null | 'unknown' = null;
  /** Strangers stay whatever a Plan says. */
  stubborn = false;
  private readonly strangers = new Map<string, ObservedInstance>();
  private readonly lost = new Set<string>();
  private misrouted: Readonly<Record<string, number>> | null | undefined = undefined;

  declare(next: Service): this {
    this.declaration = { kind: 'declared', service: next };
    return this.pass();
  }

  command(kind: CommandKind): this {
    this.commandId += 1;
    this.commands.push({ id: this.commandId, service: 'files', kind, uid: 1000, at: this.now });
    return this.pass();
  }

  /** One pass of the loop; the Host takes the Plan in at once, starting what is new. Asserts that a second pass changes nothing. */
  pass(): this {
    this.decideOnce();
    this.host();
    return this;
  }

  /** Passes until nothing changes any more, the Host obeying at once. */
  settle(): this {
    for (let passes = 0; passes < 50; passes++) {
      const before = this.record;
      this.pass();
      if (before === this.record) return this;
    }
    throw new Error('never settles');
  }

  later(ms: number): this {
    this.now += ms;
    return this.pass();
  }

  /** Every starting Instance of a Revision (all when none is named) connects with its checks passing. */
  connect(of?: Revision, outcome: CheckOutcome = 'pass', inARow = 1): this {
    for (const [id, instance] of this.seen) {
      if (of !== undefined && instance.revision !== of.hash) continue;
      if (instance.phase !== 'starting' && instance.phase !== 'connected') continue;
      this.seen.set(id, {
        ...instance,
        phase: 'connected',
        connectedAt: this.now,
        contract: instance.contract ?? 'c',
        checks: this.results(outcome, inARow),
      });
    }
    return this.pass();
  }

  /** Instances of a Revision offer these tools, each a name with the parameters that it requires. */
  offer(of: Revision, tools: Record<string, readonly string[]>): this {
    return this.offerOne(of, null, tools);
  }

  /** The same of one ordinal alone; null: of all. */
  offerOne(of: Revision, ordinal: number | null, tools: Record<string, readonly string[]>): this {
    const contract: Contract = {
      hash: hashValue(tools),
      tools: Object.entries(tools).map(([name, required]) => ({
        name,
        inputSchema: { type: 'object', properties: Object.fromEntries(required.map((key) => [key, { type: 'string' }])), required },
      })),
      prompts: [],
      resources: [],
      resourceTemplates: [],
    };
    this.contracts[contract.hash] = contract;
    for (const { id, revision: hash, ordinal: its } of this.record!.instances) {
      const instance = this.seen.get(id);
      if (instance !== undefined && hash === of.hash && (ordinal === null || its === ordinal))
        this.seen.set(id, { ...instance, contract: contract.hash });
    }
    return this;
  }

  /** So many calls more of a Revision, of which so many failed. */
  calls(of: Revision, calls: number, failed = 0, latencyMs = 5): this {
    const bucket = latencyBoundsMs.findIndex((bound) => latencyMs <= bound);
    const before = this.traffic[of.hash] ?? noTraffic;
    this.traffic[of.hash] = {
      ...before,
      calls: before.calls + calls,
      toolErrors: before.toolErrors + failed,
      latencyBuckets: before.latencyBuckets.map((count, index) => count + (index === bucket ? calls : 0)),
      latencySumMs: before.latencySumMs + calls * latencyMs,
    };
    return this;
  }

  /** All Instances of a Revision, or only the one of that ordinal. */
  end(of: Revision, code: string, message = 'it ended', ordinal: number | null = null): this {
    const ordinalOf = (id: string): number | undefined => this.record?.instances.find((one) => one.id === id)?.ordinal;
    for (const [id, instance] of this.seen)
      if (instance.revision === of.hash && (ordinal === null || ordinalOf(id) === ordinal))
        this.seen.set(id, { ...instance, phase: 'ended', end: { code, message, at: this.now, exitCode: 1, signal: null, stderrTail: '' } });
    return this.pass();
  }

  load(of: Revision, load: { sessions?: number; inFlight?: number }): this {
    for (const [id, instance] of this.seen) if (instance.revision === of.hash) this.seen.set(id, { ...instance, ...load });
    return this.pass();
  }

  /** The Host runs an Instance that no Plan names. */
  tamper(id: string, of: Revision): this {
    const base = { id, revision: of.hash, phase: 'connected' as const, pid: 1, port: null, startedAt: this.now, connectedAt: this.now };
    this.strangers.set(id, { ...base, end: null, contract: null, checks: [], sessions: 0, inFlight: 0 });
    return this.pass();
  }

  /** The Host has forgotten an Instance that its Plan names. */
  lose(id: string): this {
    this.lost.add(id);
    return this.pass();
  }

  /** What was lost is back. */
  found(): this {
    this.lost.clear();
    return this.pass();
  }

  /** The Host runs an Instance of its Plan as another Revision. */
  becomes(id: string, of: Revision): this {
    this.seen.set(id, { ...this.seen.get(id)!, revision: of.hash });
    return this.pass();
  }

  /** The gateway routes by other weights than its Plan says. */
  misroute(weights: Readonly<Record<string, number>> | null): this {
    this.misrouted = weights;
    return this.pass();
  }

  restartHost(): this {
    this.hostId = `${this.hostId}+`;
    this.seen.clear();
    return this.pass();
  }

  get running(): string[] {
    return [...this.seen.values(), ...this.strangers.values()].filter(({ phase }) => phase !== 'ended').map(({ id }) => id);
  }

  get route(): Readonly<Record<string, number>> | null {
    return this.last?.plan?.route?.weights ?? null;
  }

  duties(): string[] {
    return this.record!.instances.map(({ revision: hash, duty }) => `${hash.slice(0, 4)}:${duty}`);
  }

  condition(type: string): string {
    const found = this.record!.conditions.find((condition) => condition.type === type)!;
    return `${found.status}/${found.reason}`;
  }

  states(): string[] {
    return this.events.filter(({ reason }) => reason.startsWith('Entered')).map(({ reason }) => reason.slice('Entered'.length));
  }

  verdicts(): string[] {
    return this.record!.verdicts.map(({ result, reason }) => `${result}/${reason}`);
  }

  private results(outcome: CheckOutcome, inARow: number) {
    const checks = this.record!.desired!.health.checks;
    const counts = { passesInARow: 0, failsInARow: 0, errorsInARow: 0 };
    if (outcome === 'pass') counts.passesInARow = inARow;
    if (outcome === 'fail') counts.failsInARow = inARow;
    if (outcome === 'error') counts.errorsInARow = inARow;
    return checks.map(({ name, type }) => ({ name, type, outcome, message: outcome, at: this.now, latencyMs: 1, ...counts }));
  }

  observation(): Observation | null {
    if (this.plan === null || !this.hostConnected) return null;
    const { service: name, generation } = this.plan;
    return {
      service: name,
      hostId: this.hostId,
      planGeneration: generation,
      routeGeneration: generation,
      routed: this.misrouted === undefined ? (this.plan.route?.weights ?? null) : this.misrouted,
      instances: [...[...this.seen.values()].filter(({ id }) => !this.lost.has(id)), ...this.strangers.values()],
      preview: this.preview,
      shadow: this.shadow,
      metrics: [],
      traffic: this.traffic,
    };
  }

  private decideOnce(): void {
    const { declaration, dependencies, commands, group, contracts } = this;
    const { driftPolicy, files } = this;
    const desired = { service: 'files', declaration, dependencies, commands, group, contracts, driftPolicy, files };
    const observation = this.observation();
    const decision = decide(desired, this.record, observation, this.now);
    const again = decide(desired, decision.record, observation, this.now);
    if (!decision.archive && (again.record !== decision.record || again.events.length > 0 || again.plan !== decision.plan))
      throw new Error(
        `a second pass on the same facts changes something: ${again.events.map(({ reason, message }) => `${reason}: ${message}`).join('; ')}`,
      );
    this.record = decision.record;
    this.events.push(...decision.events);
    this.last = decision;
  }

  /** A Plan that is new is followed in all. */
  private takePlan(): void {
    this.misrouted = undefined;
    for (const id of this.lost) this.seen.delete(id);
    this.lost.clear();
    for (const id of this.strangers.keys()) if (this.plan?.spared.includes(id) !== true && !this.stubborn) this.strangers.delete(id);
  }

  private host(): void {
    if (!this.hostConnected) return;
    const before = this.plan?.generation;
    this.plan = this.last!.plan;
    if (this.plan?.generation !== before) this.takePlan();
    const planned = new Set(this.plan?.instances.map(({ id }) => id));
    for (const id of this.seen.keys()) if (!planned.has(id)) this.seen.delete(id);
    for (const { id, revision: hash } of this.plan?.instances ?? []) {
      if (this.seen.has(id)) continue;
      const base = { id, revision: hash, phase: 'starting' as const, pid: 1, port: null, startedAt: this.now, connectedAt: null };
      this.seen.set(id, { ...base, end: null, contract: null, checks: [], sessions: 0, inFlight: 0 });
    }
  }
}

/** A Situation whose `files` service already serves version `v1`. */
export function serving(more: Parameters<typeof service>[1] = {}): Situation {
  return new Situation().declare(service('v1', more)).settle().connect().settle();
}
