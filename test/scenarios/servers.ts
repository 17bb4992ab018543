/** The servers of a scenario: which version a Revision is, and how one behaves: its start, its checks, its tools and its calls. */
import { hashValue } from '../../src/base/hash.ts';
import type { Contract } from '../../src/model/contract.ts';
import { latencyBoundsMs, noTraffic, type CheckOutcome, type CheckResult, type TrafficCounters } from '../../src/model/observation.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { Revision } from '../../src/model/revision.ts';

/** How the servers of one version behave. */
export interface Behaviour {
  /** Seconds from its start until it answers; null: never. */
  readonly readyAfter: number | null;
  readonly check: CheckOutcome;
  /** The error code that each start fails with; null: it starts. */
  readonly startFails: string | null;
  /** Tools, each with the parameters that it requires. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
  /** Share of calls that fail, in 0..1. */
  readonly errors: number;
  readonly latencyMs: number;
}

const wellBehaved: Behaviour = { readyAfter: 1, check: 'pass', startFails: null, tools: { echo: [] }, errors: 0, latencyMs: 10 };
export class Servers {
  /** All that were offered, by hash. */
  readonly contracts: Record<string, Contract> = {};
  private readonly behaviours = new Map<string, Behaviour>();
  private readonly versions = new Map<string, string>();

  /** A version is what follows the first word of the command. */
  know({ run, hash }: Revision): void {
    this.versions.set(hash, run.runtime === 'process' ? run.command.slice(1).join(' ') || 'v1' : 'remote');
  }

  versionOf(revision: string): string {
    return this.versions.get(revision) ?? revision.slice(0, 8);
  }

  /** Revision names as a reader knows them: `files@v2` rather than `files-7f3a9c21`. */
  readable(text: string): string {
    return text.replaceAll(/\b([a-z][a-z0-9-]*?)-([0-9a-f]{8})(-\d+-\d+)?\b/g, (whole, service: string, hash: string, rest = '') => {
      const version = [...this.versions].find(([full]) => full.startsWith(hash))?.[1];
      return version === undefined ? whole : `${service}@${version}${rest as string}`;
    });
  }

  behave(version: string, change: Partial<Behaviour>): void {
    this.behaviours.set(version, { ...(this.behaviours.get(version) ?? wellBehaved), ...change });
  }

  behaviourOf({ hash, name }: Revision): Behaviour {
    const version = this.versionOf(hash);
    const service = name.slice(0, name.lastIndexOf('-'));
    return this.behaviours.get(`${service}@${version}`) ?? this.behaviours.get(version) ?? wellBehaved;
  }

  /** What its checks say at `at`, after `before`. */
  resultsOf(plan: Plan, revision: string, at: number, before: readonly CheckResult[] = []): CheckResult[] {
    const outcome = this.behaviourOf(plan.revisions[revision]!).check;
    return plan.terms[revision]!.health.checks.map(({ name, type }) => {
      const earlier = before.find((result) => result.name === name);
      const now = type === 'functional' ? outcome : 'pass';
      const more = (of: CheckOutcome, count: number | undefined): number => (now === of ? (count ?? 0) + 1 : 0);
      return {
        name,
        type,
        outcome: now,
        message: now === 'pass' ? 'as expected' : 'not what was expected',
        at,
        latencyMs: 1,
        passesInARow: more('pass', earlier?.passesInARow),
        failsInARow: more('fail', earlier?.failsInARow),
        errorsInARow: more('error', earlier?.errorsInARow),
      };
    });
  }

  /** Hash of what an Instance offers. */
  contractOf(revision: Revision): string {
    const { tools } = this.behaviourOf(revision);
    const hash = hashValue(tools);
    this.contracts[hash] ??= {
      hash,
      tools: Object.entries(tools).map(([name, required]) => ({
        name,
        inputSchema: { type: 'object', properties: Object.fromEntries(required.map((key) => [key, { type: 'string' }])), required },
      })),
      prompts: [],
      resources: [],
      resourceTemplates: [],
    };
    return hash;
  }

  /** What its calls come to with so many more. */
  served(revision: Revision, calls: number, before: TrafficCounters = noTraffic): TrafficCounters {
    const { errors, latencyMs } = this.behaviourOf(revision);
    const bucket = latencyBoundsMs.findIndex((bound) => latencyMs <= bound);
    const total = before.calls + calls;
    return {
      ...before,
      calls: total,
      toolErrors: Math.floor(total * errors),
      latencyBuckets: before.latencyBuckets.map((count, index) => count + (index === bucket ? calls : 0)),
      latencySumMs: before.latencySumMs + calls * latencyMs,
    };
  }
}
