/**
 * A Service: one desired MCP service after inheritance and parameters, every default filled in, every unit normalised
 * (durations in ms, sizes in bytes, ratios in 0..1). Immutable; equal specHash means equal in every field but `origin`.
 */
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

export interface Migration {
  readonly strategy: 'in-place';
  readonly progressDeadlineMs: number;
  readonly rollback: { readonly automatic: boolean; readonly window: number };
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
  readonly specHash: string;
  readonly origin: Origin;
}
