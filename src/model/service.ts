/**
 * A Service: one desired MCP service after inheritance and parameters, every default filled in, every unit normalised
 * (durations in ms, sizes in bytes, ratios in 0..1). Immutable; equal specHash means equal in every field but `origin`.
 */
import type { Lock } from './lock.ts';
import type { Revision } from './revision.ts';

export type DesiredState = 'Draft' | 'Active' | 'Inactive';

/** Where a Service was declared. */
export interface Origin {
  readonly source: string;
  /** Snapshot id: a content hash for a folder, a commit for git. */
  readonly snapshot: string;
  readonly file: string;
  readonly line: number;
}

/** What the host and the gateway enforce. A change applies without a rollout. */
export interface Limits {
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly maxConcurrentCalls: number;
}

export interface Dependency {
  readonly service: string;
  readonly condition: 'Ready';
}

export interface Expose {
  readonly tools: {
    readonly allow: readonly string[];
    readonly deny: readonly string[];
    readonly rename: Readonly<Record<string, string>>;
  };
  /** Name prefix at the aggregated endpoint; the service's name unless told otherwise. */
  readonly prefix: string;
}

/** What a functional check holds the answer against. All that are given must hold. */
export interface Expectation {
  /** The joined text of all text content contains this. */
  readonly contains?: string;
  /** Linear-time (RE2) pattern over the same text. */
  readonly matches?: string;
  /** structuredContent, or the text parsed as JSON, equals this (keys in any order). */
  readonly equals?: unknown;
  /** Whether the result must carry isError; false unless told otherwise. */
  readonly isError?: boolean;
}

interface CheckBase {
  readonly name: string;
  readonly timeoutMs: number;
}
export type Check =
  | (CheckBase & { readonly type: 'basic' })
  | (CheckBase & {
      readonly type: 'functional';
      readonly tool: string;
      readonly arguments: Readonly<Record<string, unknown>>;
      readonly expect: Expectation;
    })
  | (CheckBase & {
      readonly type: 'performance';
      readonly p95Ms: number | null;
      readonly errorRate: number | null;
      readonly minCalls: number;
    })
  | (CheckBase & {
      readonly type: 'dependency';
      readonly target: { readonly service: string } | { readonly tcp: string } | { readonly http: string };
    });

export interface Health {
  readonly intervalMs: number;
  readonly checks: readonly Check[];
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export type StrategyName = 'in-place' | 'rolling' | 'blue-green' | 'canary';

/** What a difference of Contracts does to a Rollout. block: it is taken back. warn: it is told. */
export type GateAction = 'block' | 'warn' | 'allow';

/** A number of Instances, or a share of the replicas in 0..1 (a surge rounds up, unavailability down). */
export type Amount = { readonly count: number } | { readonly share: number };

/** One step of a canary; all weights and shares in percent. */
export type CanaryStep =
  | { readonly type: 'setWeight'; readonly weight: number }
  /** durationMs null: until somebody says `rollout promote`. */
  | { readonly type: 'pause'; readonly durationMs: number | null }
  | { readonly type: 'analysis'; readonly forMs: number }
  | { readonly type: 'setReplicas'; readonly replicas: number }
  /** maxDifferent: share (0..1) of answers that may differ; null: they are listed, no more. */
  | {
      readonly type: 'shadow';
      readonly forMs: number;
      readonly tools: readonly string[];
      readonly percent: number;
      readonly maxDifferent: number | null;
    };

/** A check whose value somebody else measures. min and max: null is no limit. */
export type MetricCheck =
  | {
      readonly type: 'prometheus';
      readonly name: string;
      readonly url: string;
      readonly query: string;
      readonly min: number | null;
      readonly max: number | null;
      readonly timeoutMs: number;
    }
  /** 2xx is a pass unless the body is JSON with a number `value`, which is then held against the limits; any other status a failure. */
  | {
      readonly type: 'http';
      readonly name: string;
      readonly url: string;
      readonly min: number | null;
      readonly max: number | null;
      readonly timeoutMs: number;
    };

/** What the target's traffic is held to. versusStable: a factor on stable's value over the same window; null is no limit. */
export type TrafficCheck =
  | {
      readonly type: 'errorRate';
      readonly name: string;
      readonly of: 'all' | 'protocol' | 'tool';
      /** In 0..1. */
      readonly max: number | null;
      readonly versusStable: number | null;
    }
  | {
      readonly type: 'latency';
      readonly name: string;
      /** In 0..1: 0.95 for a p95. */
      readonly quantile: number;
      readonly maxMs: number | null;
      readonly versusStable: number | null;
    };

export type AnalysisCheck = TrafficCheck | MetricCheck;

export interface Analysis {
  readonly intervalMs: number;
  /** Calls of the target below which nothing is said of its traffic. */
  readonly minCalls: number;
  /** Failed measurements that are put up with; one more takes the Rollout back. */
  readonly failureLimit: number;
  readonly checks: readonly AnalysisCheck[];
}

export interface Migration {
  readonly strategy: StrategyName;
  /** Longest that a Rollout may wait for Instances and the gateway; pauses, analyses and people do not count. */
  readonly progressDeadlineMs: number;
  readonly rollback: {
    readonly automatic: boolean;
    /** Promoted Revisions before stable that a return to skips steps and analysis. */
    readonly window: number;
    /** After promotion, DOWN or DEGRADED within this time takes it back; 0: never. */
    readonly ifUnhealthyWithinMs: number;
  };
  readonly contract: {
    readonly breaking: GateAction;
    readonly descriptions: GateAction;
    /** A Contract that changes without a Rollout: warn shows it, quarantine also hides and refuses the tools that changed. */
    readonly drift: 'warn' | 'quarantine';
    /** Hash of a drifted Contract that a commit has approved. */
    readonly approved: string | null;
  };
  /** Name of a group of Services that move together or not at all. */
  readonly releaseTogether: string | null;
  readonly rolling: { readonly maxSurge: Amount; readonly maxUnavailable: Amount };
  readonly blueGreen: {
    readonly autoPromote: boolean;
    /** Names of the checks that must pass through the preview route before the switch. */
    readonly prePromotion: readonly string[];
    readonly keepOldForMs: number;
  };
  readonly canary: { readonly steps: readonly CanaryStep[]; readonly analysis: Analysis };
  /** Of strategy and steps: another one during a Rollout begins its steps anew. */
  readonly stepsHash: string;
}

export interface Service {
  /** The key: a DNS-1123 label of at most 40 characters. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly formerly: string | null;
  readonly description: string;
  readonly tags: readonly string[];
  readonly type: 'server' | 'remote';
  readonly state: DesiredState;
  readonly revision: Revision;
  readonly replicas: number;
  readonly affinity: 'session' | 'none';
  readonly limits: Limits;
  readonly dependsOn: readonly Dependency[];
  readonly expose: Expose;
  readonly health: Health;
  readonly migration: Migration;
  /** What was approved of it; left out when nothing is locked. No part of the Revision. */
  readonly lock?: Lock;
  readonly specHash: string;
  readonly origin: Origin;
}
