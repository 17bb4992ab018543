/**
 * The world that a scenario is played in: real manifests compiled by the product, the heart deciding for each service,
 * and a host, a gateway and servers that do as the scenario says, second by second on a clock of their own.
 */
import { hashValue } from '../../src/base/hash.ts';
import { decide } from '../../src/core/decide.ts';
import { standOf } from '../../src/core/group.ts';
import { Workspace } from '../../src/manifest/workspace.ts';
import type { CommandKind } from '../../src/model/command.ts';
import type { Declaration, GroupMember } from '../../src/model/desired.ts';
import type { EventDraft } from '../../src/model/event.ts';
import type { MetricReading, Observation, ObservedInstance, TrafficCounters } from '../../src/model/observation.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { ServiceRecord } from '../../src/model/record.ts';
import type { Service } from '../../src/model/service.ts';
import { Servers, type Behaviour } from './servers.ts';

const encoder = new TextEncoder();

interface Known {
  record: ServiceRecord | null;
  declaration: Declaration;
  plan: Plan | null;
  /** Generation of the newest Plan whose Route the gateway follows. */
  routed: Plan | null;
  instances: Map<string, ObservedInstance>;
  traffic: Map<string, TrafficCounters>;
  callsPerSecond: number;
  wakeAt: number | null;
}

export interface Told extends EventDraft {
  readonly second: number;
}

export class ScenarioWorld {
  /** Seconds since the scenario began. */
  second = 0;
  readonly told: Told[] = [];
  gatewayStalled = false;
  controllerDown = false;
  readonly servers = new Servers();
  readonly metrics = new Map<string, Pick<MetricReading, 'value' | 'error'>>();
  private readonly files = new Map<string, string>();
  /** Service → hash of what is approved. */
  private readonly locks = new Map<string, string>();
  private readonly workspace = new Workspace('folder', '/srv');
  private readonly services = new Map<string, Known>();
  private readonly commands: { id: number; service: string; kind: CommandKind; uid: number; at: number }[] = [];
  private snapshots = 0;
  private hosts = 1;
  private hostDown = false;
  private skewMs = 0;

  private get now(): number {
    return 1_800_000_000_000 + this.second * 1_000 + this.skewMs;
  }

  // What people do

  /** Writes or deletes (null) files, as one commit. Returns what the compiler says. */
  commit(files: Readonly<Record<string, string | null>>): string[] {
    const removed: string[] = [];
    const written: { path: string; bytes: Uint8Array }[] = [];
    for (const [path, text] of Object.entries(files)) {
      if (text === null) removed.push(path);
      else written.push({ path, bytes: encoder.encode(text) });
      if (text === null) this.files.delete(path);
      else this.files.set(path, text);
    }
    this.workspace.update(written, removed);
    const snapshot = `commit-${++this.snapshots}`;
    const { services, invalid, issues } = this.workspace.compile(snapshot);
    for (const { revision } of services.values()) this.servers.know(revision);
    for (const name of new Set([...this.services.keys(), ...services.keys(), ...invalid.keys()])) {
      const service = services.get(name);
      const broken = invalid.get(name);
      const known = this.known(name);
      if (service !== undefined) known.declaration = { kind: 'declared', service };
      else if (broken !== undefined) known.declaration = { kind: 'invalid', issues: broken, snapshot };
      else known.declaration = { kind: 'absent' };
    }
    this.settle();
    return issues.map(({ file, line, column, code, message }) => `${file}:${line}:${column} ${code}: ${message}`);
  }

  /** Commits a `fairlead.lock` that approves what a service offers with these tools, besides what it approves already; null: nothing any more. */
  lock(service: string, tools: Behaviour['tools'] | null): string[] {
    if (tools === null) this.locks.clear();
    else this.locks.set(service, hashValue(tools));
    const entries = [...this.locks].map(([name, contract]) => `  ${name}: {contract: "${contract}"}\n`).join('');
    const text = `apiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices:\n${entries}`;
    return this.commit({ 'fairlead.lock': tools === null ? null : text });
  }

  text(file: string): string {
    const text = this.files.get(file);
    if (text === undefined) throw new Error(`there is no file ${file}`);
    return text;
  }

  command(service: string, kind: CommandKind): void {
    this.commands.push({ id: this.commands.length + 1, service, kind, uid: 1000, at: this.now });
    this.settle();
  }

  // What the world does

  calls(service: string, perSecond: number): void {
    this.known(service).callsPerSecond = perSecond;
  }

  kill(service: string, version: string): void {
    for (const [id, instance] of this.known(service).instances) {
      if (this.servers.versionOf(instance.revision) === version && instance.phase !== 'ended')
        this.end(service, id, 'Exited', 'it was killed');
    }
    this.settle();
  }

  restartHost(): void {
    this.hosts += 1;
    for (const known of this.services.values()) Object.assign(known, { instances: new Map(), traffic: new Map(), routed: null });
    this.settle();
  }

  stopHost(): void {
    this.hostDown = true;
  }

  startHost(): void {
    this.hostDown = false;
    this.restartHost();
  }

  restartController(): void {
    for (const known of this.services.values())
      known.record = known.record === null ? null : (JSON.parse(JSON.stringify(known.record)) as ServiceRecord);
    this.controllerDown = false;
    this.settle();
  }

  setClock(byMs: number): void {
    this.skewMs += byMs;
    this.settle();
  }

  wait(seconds: number): void {
    for (let passed = 0; passed < seconds; passed++) {
      this.second += 1;
      if (!this.hostDown) for (const [name, known] of this.services) this.runSecond(name, known);
      this.settle();
    }
  }

  // What one sees

  condition(type: string, service: string): string {
    const found = this.services.get(service)?.record?.conditions.find((condition) => condition.type === type);
    return `${type} of ${service}: ${found?.status ?? '?'} ${found?.reason ?? ''}: ${this.servers.readable(found?.message ?? '')}`;
  }

  status(): string[] {
    return [...this.services]
      .filter(([, { record }]) => record !== null)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { record }]) => `${name}: ${this.stateOf(record!)}`);
  }

  private stateOf(record: ServiceRecord): string {
    const { stable, rollout, route, instances } = record;
    const shares = Object.entries(route?.weights ?? {}).map(([hash, weight]) => `${weight} % ${this.servers.versionOf(hash)}`);
    const running = new Map<string, number>();
    for (const { revision, duty } of instances) {
      const key = `${this.servers.versionOf(revision)}${duty === 'serve' ? '' : ` (${duty})`}`;
      running.set(key, (running.get(key) ?? 0) + 1);
    }
    const parts = [record.state, record.health, `stable ${stable === null ? 'none' : this.servers.versionOf(stable.hash)}`];
    if (rollout !== null) parts.push(`rollout ${rollout.number} ${rollout.phase}, waits for ${rollout.waitsFor || 'nothing'}`);
    parts.push(`calls ${route?.hold === true ? 'wait' : shares.sort().join(', ') || 'refused'}`);
    parts.push(
      `instances ${
        [...running]
          .sort()
          .map(([key, count]) => `${count} × ${key}`)
          .join(', ') || 'none'
      }`,
    );
    const synced = record.conditions.find(({ type }) => type === 'Synced');
    parts.push(`Synced ${synced?.status ?? '?'}/${synced?.reason ?? '?'}`);
    return parts.join(' · ');
  }

  // The loop

  private known(name: string): Known {
    let known = this.services.get(name);
    if (known === undefined) {
      known = {
        record: null,
        declaration: { kind: 'unknown', reason: 'not read yet' },
        plan: null,
        routed: null,
        instances: new Map(),
        traffic: new Map(),
        callsPerSecond: 0,
        wakeAt: null,
      };
      this.services.set(name, known);
    }
    return known;
  }

  /** Passes over every service until nothing changes any more. */
  private settle(): void {
    if (this.controllerDown) return;
    for (let round = 0; round < 100; round++) {
      let changed = false;
      for (const [name, known] of [...this.services].sort(([a], [b]) => (a < b ? -1 : 1))) changed = this.pass(name, known) || changed;
      if (!changed) return;
    }
    throw new Error('the scenario never settles');
  }

  private pass(service: string, known: Known): boolean {
    const before = known.record;
    const observation = this.observe(service, known);
    const { declaration } = known;
    const wanted = declaration.kind === 'declared' ? declaration.service : before?.desired;
    const dependencies = Object.fromEntries(
      (wanted?.dependsOn ?? []).map(({ service: name }) => [name, { declared: this.services.has(name), ready: this.isReady(name) }]),
    );
    const commands = this.commands.filter((command) => command.service === service && command.id > (before?.commandId ?? 0));
    const desired = {
      service,
      declaration,
      dependencies,
      commands,
      group: this.groupOf(service, wanted ?? null),
      contracts: this.servers.contracts,
      driftPolicy: 'correct' as const,
      files: null,
    };
    const decision = decide(desired, before, observation, this.now);
    const again = decide(desired, decision.record, observation, this.now);
    if (!decision.archive && (again.record !== decision.record || again.events.length > 0))
      throw new Error(`a second pass over ${service} changes something: ${again.events.map(({ reason }) => reason).join()}`);
    for (const event of decision.events) this.told.push({ ...event, second: this.second });
    known.record = decision.archive ? null : decision.record;
    known.wakeAt = decision.wakeAt;
    const moved = this.takePlan(service, known, decision.plan);
    return moved || decision.record !== before;
  }

  private groupOf(service: string, wanted: Service | null): GroupMember[] {
    const group = wanted?.migration.releaseTogether ?? null;
    if (wanted === null || group === null) return [];
    return [...this.services].flatMap(([name, { record, declaration }]) => {
      const declared = declaration.kind === 'declared' ? declaration.service : null;
      if (name === service || declared?.migration.releaseTogether !== group) return [];
      const other = { service, snapshot: wanted.origin.snapshot };
      return [{ service: name, stands: standOf(record, declared, other), snapshot: declared.origin.snapshot }];
    });
  }

  private isReady(name: string): boolean {
    const record = this.services.get(name)?.record ?? null;
    return record?.conditions.find(({ type }) => type === 'Ready')?.status === 'True';
  }

  // The host

  /** True when the Host does something else than before. */
  private takePlan(service: string, known: Known, plan: Plan | null): boolean {
    if (this.hostDown || plan === known.plan) return this.follow(known, plan);
    known.plan = plan;
    const planned = new Set(plan?.instances.map(({ id }) => id));
    for (const id of known.instances.keys()) if (!planned.has(id)) known.instances.delete(id);
    for (const { id, revision: hash } of plan?.instances ?? []) {
      if (known.instances.has(id)) continue;
      const { startFails } = this.servers.behaviourOf(plan!.revisions[hash]!);
      known.instances.set(id, { ...starting, id, revision: hash, startedAt: this.now });
      if (startFails !== null) this.end(service, id, startFails, `it does not start (${startFails})`);
    }
    this.follow(known, plan);
    return true;
  }

  private follow(known: Known, plan: Plan | null): boolean {
    if (this.gatewayStalled || this.hostDown || known.routed === plan) return false;
    known.routed = plan;
    return true;
  }

  private observe(service: string, known: Known): Observation | null {
    if (this.hostDown || known.plan === null) return null;
    const { plan, routed } = known;
    const preview = plan.route?.preview ?? null;
    const names = plan.previewChecks ?? [];
    return {
      service,
      hostId: `host-${this.hosts}`,
      planGeneration: plan.generation,
      routeGeneration: routed?.generation ?? 0,
      routed: routed?.route?.weights ?? null,
      instances: [...known.instances.values()],
      preview:
        preview === null
          ? null
          : { revision: preview, checks: this.servers.resultsOf(plan, preview, this.now).filter(({ name }) => names.includes(name)) },
      shadow: null,
      metrics: (plan.measures?.checks ?? []).map(({ name }) => ({
        name,
        at: this.now,
        value: null,
        verdict: null,
        error: 'nobody answers',
        ...this.metrics.get(name),
      })),
      traffic: Object.fromEntries(known.traffic),
    };
  }

  private runSecond(service: string, known: Known): void {
    for (const [id, instance] of known.instances) {
      if (known.plan === null || instance.phase === 'ended' || instance.phase === 'stopping') continue;
      const revision = known.plan.revisions[instance.revision];
      if (revision === undefined) continue;
      const { readyAfter } = this.servers.behaviourOf(revision);
      const upMs = this.now - instance.startedAt;
      const startTimeoutMs = known.plan.terms[instance.revision]!.limits.startTimeoutMs;
      if (instance.phase === 'starting' && (readyAfter === null || upMs < readyAfter * 1_000)) {
        if (upMs >= startTimeoutMs) this.end(service, id, 'HandshakeTimeout', `no answer within ${startTimeoutMs / 1_000} s`);
        continue;
      }
      const checks = this.servers.resultsOf(known.plan, instance.revision, this.now, instance.checks);
      const contract = this.servers.contractOf(revision);
      known.instances.set(id, { ...instance, phase: 'connected', connectedAt: instance.connectedAt ?? this.now, contract, checks });
    }
    this.serveCalls(known);
  }

  private serveCalls(known: Known): void {
    const route = known.routed?.route ?? null;
    if (route === null || route.hold) return;
    for (const [hash, weight] of Object.entries(route.weights)) {
      const revision = known.routed!.revisions[hash];
      if (revision === undefined) continue;
      const calls = Math.round((known.callsPerSecond * weight) / 100);
      known.traffic.set(hash, this.servers.served(revision, calls, known.traffic.get(hash)));
    }
  }

  private end(service: string, id: string, code: string, message: string): void {
    const { instances } = this.known(service);
    const end = { code, message, at: this.now, exitCode: null, signal: null, stderrTail: '' };
    instances.set(id, { ...instances.get(id)!, phase: 'ended', end });
  }
}

const starting = {
  phase: 'starting' as const,
  pid: null,
  port: null,
  connectedAt: null,
  end: null,
  contract: null,
  checks: [],
  sessions: 0,
  inFlight: 0,
};
