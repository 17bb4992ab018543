/**
 * What a simulated Host sees beyond its Instances, for as long as the Plan asks for it: traffic by Revision, checks
 * through the preview route, mirrored calls, metrics. It looks every few seconds, later more seldom, and says so; all
 * of it starts from nothing with a new life of the Host.
 */
import type { CheckResult, MetricReading, ShadowReport } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { SimHost } from './host.ts';
import { nextResult } from './probing.ts';
import { previewCheck } from './settings.ts';
import { Traffic } from './traffic.ts';
import type { World } from './world.ts';

const pulseMs = 5_000;
const slowPulseMs = 30_000;
/** Pulses slow down so long after the Route last changed. */
const slowAfterMs = 90_000;
/** Passes and failures in a row beyond which more of the same tell nothing. */
const enoughInARow = 8;
const goodValue = 1;
const badValue = 1_000;

export interface Outlooks {
  readonly preview: { readonly revision: string; readonly checks: readonly CheckResult[] } | null;
  readonly shadow: ShadowReport | null;
  readonly metrics: readonly MetricReading[];
}

export class Outlook {
  readonly traffic: Traffic;
  preview: Outlooks['preview'] = null;
  shadow: ShadowReport | null = null;
  metrics: readonly MetricReading[] = [];
  private readonly world: World;
  private readonly host: SimHost;
  private plan: Plan | null = null;
  private routedAt = 0;
  private mirrored = 0;
  private flowedAt: number;
  private pulsing = false;
  private readonly previewed = new Map<string, number>();

  constructor(world: World, host: SimHost) {
    this.world = world;
    this.host = host;
    this.flowedAt = world.queue.now;
    this.traffic = new Traffic(world.queue.now, (revision) => world.workload.behaviours.get(revision));
  }

  /** The gateway follows another Plan from here on. */
  follow(plan: Plan | null): void {
    this.flow();
    const before = this.plan;
    this.plan = plan;
    if (before?.route !== plan?.route) this.routedAt = this.world.queue.now;
    const preview = plan?.route?.preview ?? null;
    if (preview === null || plan!.previewChecks === null) this.preview = null;
    else if (this.preview?.revision !== preview) this.preview = { revision: preview, checks: [] };
    const mirrors = plan?.route?.shadow?.revision ?? null;
    if (mirrors !== null && (this.shadow?.revision !== mirrors || before?.route?.shadow?.revision !== mirrors)) {
      this.mirrored = 0;
      this.shadow = { revision: mirrors, calls: 0, same: 0, different: 0, failed: 0, skipped: 0, examples: [] };
    }
    if (this.isWatched()) this.pulse(500);
  }

  /** Brings all counts up to now. */
  flow(): void {
    const { world, host, plan } = this;
    const { now } = world.queue;
    const seconds = (now - this.flowedAt) / 1_000;
    this.flowedAt = now;
    const callsASecond = world.faults.trafficStops() ? 0 : world.workload.callsASecond;
    this.traffic.flow(now, callsASecond, plan?.route ?? null, (revision) => host.answers(revision));
    const shadow = plan?.route?.shadow ?? null;
    if (shadow !== null && host.answers(shadow.revision)) this.mirrored += (callsASecond * seconds * shadow.percent) / 100;
    if (this.shadow !== null && Math.floor(this.mirrored) !== this.shadow.calls) this.shadow = this.report(this.shadow.revision);
  }

  private report(revision: string): ShadowReport {
    const calls = Math.floor(this.mirrored);
    const different = Math.floor(calls * (this.world.workload.behaviours.get(revision)?.differs ?? 0));
    return { revision, calls, same: calls - different, different, failed: 0, skipped: 0, examples: [] };
  }

  private isWatched(): boolean {
    const { plan } = this;
    if (plan === null || plan.route === null) return false;
    const { weights, shadow } = plan.route;
    return this.previewIsOpen() || plan.measures !== null || shadow !== null || Object.keys(weights).length > 1;
  }

  private previewIsOpen(): boolean {
    const { preview, plan } = this;
    if (preview === null || plan?.previewChecks === undefined || plan.previewChecks === null) return false;
    return preview.checks.length < plan.previewChecks.length || preview.checks.some(isOpen);
  }

  private pulse(delayMs: number): void {
    if (this.pulsing) return;
    this.pulsing = true;
    this.host.later(delayMs, () => {
      this.pulsing = false;
      if (!this.isWatched()) return;
      this.lookAtPreview();
      this.measure();
      this.host.changed();
      this.pulse(this.world.queue.now - this.routedAt > slowAfterMs ? slowPulseMs : pulseMs);
    });
  }

  private lookAtPreview(): void {
    const { world, host, preview, plan } = this;
    if (preview === null || plan === null || plan.previewChecks === null || !host.answers(preview.revision)) return;
    const { revision } = preview;
    const behaviour = world.workload.behaviours.get(revision)!;
    const round = (this.previewed.get(revision) ?? 0) + 1;
    this.previewed.set(revision, round);
    const fails = behaviour.kind === 'fails-in-preview';
    const outcome = round <= behaviour.previewErrors || world.faults.previewBreaks() ? 'error' : fails ? 'fail' : 'pass';
    const at = world.wallNow();
    const checks = plan.previewChecks.map((name) => {
      const earlier = preview.checks.find((check) => check.name === name);
      return nextResult(earlier, name, 'functional', outcome === 'fail' && name !== previewCheck ? 'pass' : outcome, at);
    });
    if (!fails && checks.some(({ errorsInARow }) => errorsInARow >= 4)) world.tainted.add(revision);
    this.preview = { revision, checks };
  }

  private measure(): void {
    const { world, plan } = this;
    if (plan === null || plan.measures === null || world.faults.metrics() === 'silent') return;
    const at = world.wallNow();
    const [newest] = this.metrics;
    if (newest !== undefined && newest.at <= at && at - newest.at < plan.measures.intervalMs) return;
    const down = world.faults.metrics() === 'down';
    const target = world.store.record?.target?.hash;
    const bad = target !== undefined && world.workload.behaviours.get(target)?.kind === 'bad-metric';
    this.metrics = plan.measures.checks.map(({ name }) => ({
      name,
      at,
      value: down ? null : bad ? badValue : goodValue,
      verdict: null,
      error: down ? 'no answer' : null,
    }));
  }
}

function isOpen({ passesInARow, failsInARow, errorsInARow }: CheckResult): boolean {
  return passesInARow < enoughInARow && failsInARow < enoughInARow && errorsInARow < enoughInARow * 4;
}
