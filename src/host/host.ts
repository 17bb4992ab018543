/**
 * The Host: makes true what Plans say and tells what it sees. Level-triggered: what is named and unknown is started, once;
 * what is not named is stopped; saying it again changes nothing. It serves on as it is when nobody sends Plans any more.
 *
 * Invariants: an Instance belongs to the Service whose Plan named it last; the gateway is given connected Instances only, and
 * hears of one that goes before it is stopped; `routeGeneration` is what the gateway has taken in, never what it was told to.
 */
import type { Contract } from '../model/contract.ts';
import { noTraffic, type Observation, type ShadowReport, type TrafficCounters } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { Gateway, GatewayInstance } from '../ports/gateway.ts';
import type { HostControl } from '../ports/host-control.ts';
import type { MetricSource } from '../ports/metric-source.ts';
import type { UsageDay } from '../ports/store.ts';
import { HostedInstance, type InstanceParts, type Surroundings } from './hosted-instance.ts';
import { Measures } from './measures.ts';
import { PreviewRounds } from './preview-rounds.ts';
import { StartGate } from './start-gate.ts';

export interface HostParts extends Omit<InstanceParts, 'gate'> {
  /** Names this life of the Host; another life has another. */
  readonly hostId: string;
  readonly gateway: Gateway;
  readonly metrics: MetricSource;
  /** Instances that may be starting at the same moment. */
  readonly maxStarts: number;
}

/** One Service as the Host knows it. */
interface Hosted {
  /** null: it was forgotten, and what is left of it is being stopped. */
  plan: Plan | null;
  routeGeneration: number;
  readonly instances: Map<string, HostedInstance>;
  readonly preview: PreviewRounds;
  readonly measures: Measures;
  /** Calls off the stop of what a forgotten Service leaves behind. */
  spare: () => void;
  /** Counters as last told, to see whether there is something new. */
  told: string;
}

/** A renamed Service's Plan may come just after its old name was forgotten: its Instances are not stopped for that. */
const forgottenMs = 1_000;
/** Counters alone are told this often while a Rollout is under way, and with every fifth time otherwise. */
const countersMs = 1_000;
const countersOfAll = 5;
/** Longest that one starting Instance keeps another from starting. */
const startPlaceMs = 2_000;
/** Longest that a close waits for calls under way, whatever their own time-outs say. */
const longestGraceMs = 120_000;
/** How long Instances have to stop when somebody is impatient. */
const hurriedStopMs = 3_000;

export class Host implements HostControl {
  readonly hostId: string;
  readonly #parts: HostParts;
  readonly #instanceParts: InstanceParts;
  readonly #services = new Map<string, Hosted>();
  readonly #instances = new Map<string, HostedInstance>();
  readonly #callbacks: ((service: string) => void)[] = [];
  readonly #surroundings: Surroundings;
  #stopCounters: () => void;
  #counterTicks = 0;
  #closing: Promise<void> | null = null;
  readonly #hurried = Promise.withResolvers<void>();

  constructor(parts: HostParts) {
    this.hostId = parts.hostId;
    this.#parts = parts;
    this.#instanceParts = { ...parts, gate: new StartGate(parts.clock, parts.maxStarts, startPlaceMs) };
    this.#surroundings = {
      changed: (instance, members) => this.#changed(instance, members),
      gone: (instance) => this.#gone(instance),
      traffic: ({ service, revision }) => parts.gateway.traffic(service)[revision.hash] ?? noTraffic,
      serviceReady: (name) => this.#isReady(name),
    };
    parts.gateway.onIdle((instanceId) => {
      const instance = this.#instances.get(instanceId);
      if (instance !== undefined) this.#tell(instance.service);
    });
    this.#stopCounters = parts.clock.after(countersMs, () => this.#tellCounters());
  }

  take(plan: Plan): void {
    if (this.#closing !== null) return;
    const hosted = this.#hosted(plan.service);
    hosted.spare();
    hosted.plan = plan;
    for (const { id, revision: hash } of plan.instances) {
      const known = this.#instances.get(id);
      const [revision, terms] = [plan.revisions[hash], plan.terms[hash]];
      if (known !== undefined) this.#claim(known, plan.service);
      else if (revision !== undefined && terms !== undefined) {
        const instance = new HostedInstance({ id, service: plan.service, revision, terms }, this.#instanceParts, this.#surroundings);
        this.#instances.set(id, instance);
        hosted.instances.set(id, instance);
        instance.begin();
      }
    }
    this.#route(hosted);
    const named = new Set([...plan.instances.map(({ id }) => id), ...plan.spared]);
    for (const instance of hosted.instances.values()) {
      const terms = plan.terms[instance.revision.hash];
      if (!named.has(instance.id)) void instance.stop();
      else if (terms !== undefined) instance.update(terms);
    }
    hosted.preview.follow(plan);
    hosted.measures.update(plan.measures);
    this.#tell(plan.service);
  }

  forget(service: string): void {
    const hosted = this.#services.get(service);
    if (hosted === undefined || hosted.plan === null) return;
    hosted.plan = null;
    hosted.routeGeneration = 0;
    hosted.preview.stop();
    hosted.measures.update(null);
    this.#parts.gateway.forget(service);
    hosted.spare = this.#parts.clock.after(forgottenMs, () => {
      for (const instance of hosted.instances.values()) void instance.stop();
    });
    this.#dropIfEmpty(service, hosted);
  }

  services(): readonly string[] {
    return [...this.#services.keys()].sort();
  }

  observe(service: string): Observation | null {
    const hosted = this.#services.get(service);
    if (hosted === undefined) return null;
    const { gateway } = this.#parts;
    const traffic = gateway.traffic(service);
    const shadow = gateway.shadow(service);
    hosted.told = fingerprint(traffic, shadow);
    return {
      service,
      hostId: this.hostId,
      planGeneration: hosted.plan?.generation ?? 0,
      routeGeneration: hosted.routeGeneration,
      routed: gateway.routed(service),
      instances: [...hosted.instances.values()].map((instance) => instance.observe(gateway.load(instance.id))),
      preview: hosted.preview.results(),
      shadow,
      metrics: hosted.measures.readings(),
      traffic,
    };
  }

  contracts(service: string): readonly Contract[] {
    const instances = this.#services.get(service)?.instances.values() ?? [];
    return [...instances].map(({ contract }) => contract).filter((contract) => contract !== null);
  }

  onChange(callback: (service: string) => void): void {
    this.#callbacks.push(callback);
  }

  takeUsage(): UsageDay[] {
    return this.#parts.gateway.takeUsage();
  }

  /**
   * Stops admitting calls, lets those under way end within their own time-outs, stops every Instance; resolves when nothing
   * is left. With `hurry`, also while it is under way already, calls are cut and Instances have three seconds.
   */
  close(hurry: boolean): Promise<void> {
    if (hurry && this.#closing !== null) for (const instance of this.#instances.values()) void instance.stop(hurriedStopMs);
    if (hurry) this.#hurried.resolve();
    this.#closing ??= this.#close(hurry);
    return this.#closing;
  }

  async #close(hurry: boolean): Promise<void> {
    this.#stopCounters();
    for (const { preview, measures } of this.#services.values()) {
      preview.stop();
      measures.update(null);
    }
    const timeouts = [...this.#services.values()].map(({ plan }) => plan?.limits.callTimeoutMs ?? 0);
    const graceMs = hurry ? 0 : Math.min(longestGraceMs, Math.max(0, ...timeouts));
    const gatewayClosed = this.#parts.gateway.close(graceMs);
    await Promise.race([gatewayClosed, this.#hurried.promise]);
    await Promise.all([...this.#instances.values()].map((instance) => instance.stop(hurry ? hurriedStopMs : undefined)));
    await gatewayClosed;
  }

  #hosted(service: string): Hosted {
    let hosted = this.#services.get(service);
    if (hosted === undefined) {
      const { clock, prober, gateway, metrics } = this.#parts;
      const onChange = (): void => this.#tell(service);
      const serviceReady = (name: string): boolean => this.#isReady(name);
      const preview = new PreviewRounds({ clock, prober, open: () => gateway.preview(service), serviceReady, onChange });
      const measures = new Measures(clock, metrics, onChange);
      hosted = { plan: null, routeGeneration: 0, instances: new Map(), preview, measures, spare: () => {}, told: '' };
      this.#services.set(service, hosted);
    }
    return hosted;
  }

  /** The Instance is this Service's from now on, as it runs. */
  #claim(instance: HostedInstance, service: string): void {
    const before = instance.service;
    if (before === service) return;
    instance.service = service;
    this.#hosted(service).instances.set(instance.id, instance);
    const left = this.#services.get(before);
    if (left === undefined) return;
    left.instances.delete(instance.id);
    this.#route(left);
    this.#tell(before);
    this.#dropIfEmpty(before, left);
  }

  /** Tells the gateway the Plan in force and who may be called. */
  #route(hosted: Hosted): void {
    if (hosted.plan === null) return;
    const named = new Set(hosted.plan.instances.map(({ id }) => id));
    const callable: GatewayInstance[] = [];
    for (const { id, revision, upstream, contract, callable: connected } of hosted.instances.values()) {
      if (connected && named.has(id)) callable.push({ id, revision: revision.hash, upstream: upstream!, contract: contract! });
    }
    this.#parts.gateway.apply(hosted.plan, callable);
    hosted.routeGeneration = hosted.plan.generation;
  }

  #changed(instance: HostedInstance, members: boolean): void {
    const hosted = this.#services.get(instance.service);
    if (members && hosted !== undefined) this.#route(hosted);
    this.#tell(instance.service);
  }

  /** Stopped, with nothing left. One that a Plan has named again meanwhile stays as ended: it is never started a second time. */
  #gone(instance: HostedInstance): void {
    const hosted = this.#services.get(instance.service);
    if (hosted?.plan?.instances.some(({ id }) => id === instance.id) === true) {
      instance.bury();
    } else {
      this.#instances.delete(instance.id);
      hosted?.instances.delete(instance.id);
    }
    this.#tell(instance.service);
    if (hosted !== undefined) this.#dropIfEmpty(instance.service, hosted);
  }

  #dropIfEmpty(service: string, hosted: Hosted): void {
    if (hosted.plan === null && hosted.instances.size === 0 && this.#services.get(service) === hosted) {
      hosted.spare();
      this.#services.delete(service);
    }
  }

  /** Published, with an Instance that serves and has proven itself. */
  #isReady(service: string): boolean {
    const hosted = this.#services.get(service);
    if (hosted === undefined || hosted.plan === null || hosted.plan.route === null) return false;
    return hosted.plan.instances.some(({ id, duty }) => {
      const instance = hosted.instances.get(id);
      return duty === 'serve' && instance?.callable === true && instance.checks.proven;
    });
  }

  #tell(service: string): void {
    for (const callback of this.#callbacks) callback(service);
  }

  #tellCounters(): void {
    const { gateway } = this.#parts;
    const all = ++this.#counterTicks % countersOfAll === 0;
    for (const [service, hosted] of this.#services) {
      if (!all && (hosted.plan?.route?.rollout ?? null) === null) continue;
      if (hosted.instances.size > 0 && fingerprint(gateway.traffic(service), gateway.shadow(service)) !== hosted.told) this.#tell(service);
    }
    this.#stopCounters = this.#parts.clock.after(countersMs, () => this.#tellCounters());
  }
}

/** Equal when no call was counted and none mirrored in between. */
function fingerprint(traffic: Readonly<Record<string, TrafficCounters>>, shadow: ShadowReport | null): string {
  const counted = Object.entries(traffic).map(([revision, { calls }]) => `${revision}:${calls}`);
  if (shadow !== null) counted.push(`shadow ${shadow.revision}:${shadow.calls}:${shadow.skipped}`);
  return counted.join();
}
