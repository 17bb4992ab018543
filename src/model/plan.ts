/**
 * A Plan: what the Host should be doing for one Service. Whole, level-triggered, idempotent: an Instance that is not
 * in it is to be stopped, one that is in it and unknown to the Host is to be started, once.
 */
import type { Revision } from './revision.ts';
import type { Expose, Health, Limits, MetricCheck } from './service.ts';

/**
 * serve: full member. retire: no new client session; bound sessions go on. drain: no new call; calls that have begun go on.
 */
export type Duty = 'serve' | 'retire' | 'drain';

/** How Instances of a Revision are started and checked: as the manifest says that the Revision came with. */
export interface Terms {
  readonly limits: Limits;
  readonly health: Health;
}

export interface PlannedInstance {
  /** `<service>-<first 8 hex digits of the Revision's hash>-<ordinal>-<incarnation>`: derived, never random, never used twice. */
  readonly id: string;
  /** Revision hash. */
  readonly revision: string;
  readonly ordinal: number;
  readonly incarnation: number;
  readonly duty: Duty;
}

export interface Route {
  /**
   * Revision hash → share of client sessions in percent; sums to 100, or empty when nothing may be called. While no
   * Instance of a named Revision is there, calls wait for one up to callTimeout.
   */
  readonly weights: Readonly<Record<string, number>>;
  /** Calls wait (up to callTimeout) whatever the weights say: an exclusive swap, a first start. Empty weights without hold: refused at once. */
  readonly hold: boolean;
  /** Number of the Rollout under way. A session that an absent Revision sent elsewhere does not come back to it within one Rollout. */
  readonly rollout: number | null;
  /** Revision hash that `/services/<name>/preview/mcp` leads to; null: there is no preview. */
  readonly preview: string | null;
  readonly shadow: Shadow | null;
}

/** Calls that are made a second time at another Revision; its answers are compared and thrown away. */
export interface Shadow {
  /** Revision hash. */
  readonly revision: string;
  /** Patterns (`*`) of tools that are safe to call twice, by the service's own names. */
  readonly tools: readonly string[];
  /** Share of such calls in percent. */
  readonly percent: number;
}

/** Metrics that the Host asks for meanwhile. */
export interface Measures {
  readonly intervalMs: number;
  readonly checks: readonly MetricCheck[];
}

export interface Plan {
  readonly service: string;
  /** Grows with each different Plan of the Service, within and across epochs. */
  readonly generation: number;
  /** Every Revision that an Instance or the Route names, by hash. */
  readonly revisions: Readonly<Record<string, Revision>>;
  readonly instances: readonly PlannedInstance[];
  /** Ids of Instances that are not to run and are left alone all the same, by policy: neither stopped nor called. */
  readonly spared: readonly string[];
  /** null: the name is not published (404). */
  readonly route: Route | null;
  /** Checks to be made through the preview route (names of the target's checks); null while there is none. */
  readonly previewChecks: readonly string[] | null;
  readonly measures: Measures | null;
  /** Tools that are hidden and refused, by the service's own names: what they offer drifted. */
  readonly quarantine: readonly string[];
  /** By Revision hash, one for each of `revisions`. */
  readonly terms: Readonly<Record<string, Terms>>;
  /** What the gateway holds calls to: of the manifest that stable came with, or the first one. */
  readonly limits: Limits;
  readonly expose: Expose;
  readonly affinity: 'session' | 'none';
}
