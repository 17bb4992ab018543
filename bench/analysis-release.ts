/**
 * One simulated release: the heart's own `decide` with a Host and a gateway that do at once what the Plan says, and clients that
 * call. Time is counted, not waited for; a seed repeats all of it.
 */
import { decide } from '../src/core/decide.ts';
import type { Contract } from '../src/model/contract.ts';
import type { Desired } from '../src/model/desired.ts';
import { latencyBoundsMs, noTraffic, type Observation, type TrafficCounters } from '../src/model/observation.ts';
import type { Plan } from '../src/model/plan.ts';
import type { ServiceRecord } from '../src/model/record.ts';
import type { Verdict } from '../src/model/rollout.ts';
import type { Service } from '../src/model/service.ts';
import { seeded } from '../test/fixtures/seeded.ts';
import { compileTexts } from '../test/manifest/compile.ts';

/** How a Revision answers calls. */
export interface Behaviour {
  /** Share of calls that end in an error. */
  readonly errors: number;
  /** Log-normal latencies: median, and sigma of the logarithm. */
  readonly medianMs: number;
  readonly sigma: number;
  /** Share of calls that take ten times as long. */
  readonly slow: number;
}

/** Who calls. */
export interface Clients {
  readonly sessions: number;
  readonly callsPerSecond: number;
  /** Sigma of the logarithm of each session's own factor on errors and latency; 0: all are alike. */
  readonly differ: number;
}

export interface Release {
  readonly stable: Behaviour;
  readonly target: Behaviour;
  readonly clients: Clients;
}

const startsAt = 1_800_000_000_000;
const longestMs = 3_600_000;
const sampled = 2 ** 16;

/** The service as a manifest declares it that says no more than `strategy: canary`. */
function declared(version: string): Service {
  const text = `apiVersion: fairlead.dev/v1alpha1
kind: Service
metadata: { name: files }
spec:
  run: { command: [node, ${version}.js] }
  migration: { strategy: canary }
`;
  const { services, issues } = compileTexts({ 'files.yaml': text });
  const service = services.get('files');
  if (service === undefined) throw new Error(JSON.stringify(issues));
  return service;
}

const [before, after] = [declared('v1'), declared('v2')];
export const defaults = after.migration.canary;

/** The service, what is remembered of it, and the Host that obeys. */
class Situation {
  now = startsAt;
  record: ServiceRecord | null = null;
  plan: Plan | null = null;
  wakeAt: number | null = null;
  service = before;
  traffic: Record<string, TrafficCounters> = {};
  readonly contracts: readonly [stable: Contract, target: Contract];

  constructor(contracts: readonly [stable: Contract, target: Contract]) {
    this.contracts = contracts;
  }

  /** Decides until nothing is left to do at this instant. */
  settle(): void {
    const contracts = Object.fromEntries(this.contracts.map((contract) => [contract.hash, contract]));
    const declaration = { kind: 'declared', service: this.service } as const;
    const alone = { dependencies: {}, group: [], commands: [], driftPolicy: 'correct', files: null } as const;
    const desired: Desired = { service: 'files', declaration, contracts, ...alone };
    for (let passes = 0; passes < 50; passes += 1) {
      const { record, plan, wakeAt } = decide(desired, this.record, this.#observation(), this.now);
      const settled = record === this.record && plan === this.plan;
      Object.assign(this, { record, plan, wakeAt });
      if (settled) return;
    }
    throw new Error('it does not settle');
  }

  /** Share of sessions that the target has, in 0..1. */
  get share(): number {
    return (this.plan?.route?.weights[after.revision.hash] ?? 0) / 100;
  }

  #observation(): Observation | null {
    const { plan, now } = this;
    if (plan === null) return null;
    const checks = this.service.health.checks.map(({ name, type }) => {
      const inARow = { passesInARow: 5, failsInARow: 0, errorsInARow: 0 };
      return { name, type, outcome: 'pass' as const, message: '', at: now, latencyMs: 1, ...inARow };
    });
    return {
      service: plan.service,
      hostId: 'bench',
      planGeneration: plan.generation,
      routeGeneration: plan.generation,
      routed: plan.route?.weights ?? null,
      instances: plan.instances.map(({ id, revision }) => {
        const contract = this.contracts[revision === after.revision.hash ? 1 : 0].hash;
        const times = { startedAt: startsAt, connectedAt: startsAt };
        return { id, revision, phase: 'connected', pid: 1, port: null, ...times, end: null, contract, checks, sessions: 0, inFlight: 0 };
      }),
      preview: null,
      shadow: null,
      metrics: [],
      traffic: this.traffic,
    };
  }
}

/** Releases `after` over `before` and returns how that ended. */
export function release({ stable, target, clients }: Release, random: () => number, contracts = sameContract): Verdict {
  const situation = new Situation(contracts);
  situation.settle();
  situation.service = after;
  const sessions = Array.from({ length: clients.sessions }, () => new Session(random, clients.differ));
  const sides = { stable: new Side(stable, random), target: new Side(target, random) };
  while (situation.now < startsAt + longestMs) {
    situation.traffic = { [before.revision.hash]: sides.stable.counters(), [after.revision.hash]: sides.target.counters() };
    situation.settle();
    const { record, wakeAt, now } = situation;
    if (record!.rollout === null) return record!.verdicts[0]!;
    if (wakeAt === null || wakeAt <= now) throw new Error(`it does not say when to go on: ${record!.rollout.waitsFor}`);
    situation.now = wakeAt;
    // Calls come independently of each other.
    for (let at = gap(); at < (wakeAt - now) / 1_000; at += gap()) {
      const session = sessions[Math.floor(random() * sessions.length)]!;
      (session.position < situation.share ? sides.target : sides.stable).call(session);
    }
  }
  throw new Error(`no verdict after ${longestMs / 1_000} s: ${situation.record!.rollout!.waitsFor}`);

  function gap(): number {
    return -Math.log(1 - random()) / clients.callsPerSecond;
  }
}

/** A client session: it goes to the target as soon as the target's share passes its position. */
class Session {
  readonly position: number;
  readonly errors: number;
  /** Buckets further up: ten are a factor of ten. */
  readonly slower: number;

  constructor(random: () => number, differ: number) {
    this.position = random();
    this.errors = Math.exp(differ * normal(random));
    this.slower = Math.round((10 / Math.LN10) * differ * normal(random));
  }
}

/** A Revision that answers, and what the gateway counts of it. */
class Side {
  readonly #errors: number;
  readonly #latencies: Uint8Array;
  readonly #random: () => number;
  readonly #buckets = [...noTraffic.latencyBuckets];
  #calls = 0;
  #toolErrors = 0;

  constructor(behaviour: Behaviour, random: () => number) {
    this.#errors = behaviour.errors;
    this.#latencies = latenciesOf(behaviour);
    this.#random = random;
  }

  call(session: Session): void {
    this.#calls += 1;
    if (this.#random() < this.#errors * session.errors) this.#toolErrors += 1;
    const bucket = this.#latencies[Math.floor(this.#random() * sampled)]! + session.slower;
    this.#buckets[Math.max(0, Math.min(bucket, latencyBoundsMs.length))]! += 1;
  }

  counters(): TrafficCounters {
    return { ...noTraffic, calls: this.#calls, toolErrors: this.#toolErrors, latencyBuckets: [...this.#buckets] };
  }
}

const latencies = new Map<string, Uint8Array>();

/** Buckets of latencies at evenly spaced probabilities: one at random is a random latency. */
function latenciesOf({ medianMs, sigma, slow }: Behaviour): Uint8Array {
  const key = `${medianMs} ${sigma} ${slow}`;
  let buckets = latencies.get(key);
  if (buckets === undefined) {
    const random = seeded(1);
    buckets = Uint8Array.from({ length: sampled }, (_, index) => {
      const ms = medianMs * Math.exp(sigma * normal(random)) * (index < slow * sampled ? 10 : 1);
      const bucket = latencyBoundsMs.findIndex((bound) => ms <= bound);
      return bucket < 0 ? latencyBoundsMs.length : bucket;
    });
    latencies.set(key, buckets);
  }
  return buckets;
}

/** A standard normal number (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const unchanged: Contract = { hash: 'same', tools: [], prompts: [], resources: [], resourceTemplates: [] };
const sameContract = [unchanged, unchanged] as const;
