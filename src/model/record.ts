/**
 * A Record: all that Fairlead remembers of one Service between two passes of the loop. The heart is the only writer;
 * the store keeps it. Everything a resumed controller needs is in it: nothing about a Service lives in memory alone.
 */
import type { Condition } from './condition.ts';
import type { ContractComparison } from './contract.ts';
import type { RecordedDrift } from './drift.ts';
import type { Revision } from './revision.ts';
import type { Failure, Rollout, Verdict } from './rollout.ts';
import type { Service } from './service.ts';
import type { Duty, Route } from './plan.ts';

export type LifecycleState = 'Draft' | 'Validating' | 'Deploying' | 'Active' | 'Updating' | 'Deactivating' | 'Inactive' | 'Error';

export type HealthState = 'HEALTHY' | 'DEGRADED' | 'DOWN' | 'UNKNOWN';

/** An Instance that should exist, as the heart keeps it. */
export interface InstanceRecord {
  readonly id: string;
  readonly revision: string;
  readonly ordinal: number;
  readonly incarnation: number;
  readonly duty: Duty;
  readonly createdAt: number;
  /** When it entered its duty. */
  readonly dutySince: number;
  /** Generation of the first Plan that says its duty: an Observation of an older Plan proves nothing about a drain. */
  readonly dutyPlan: number;
  /** When the Host was first seen to follow a Plan that says it; the time of a drain runs from here. Null until then, and while it serves. */
  readonly dutySeenAt: number | null;
  /** First moment at which it was connected with all start checks passed; null until then. */
  readonly provenAt: number | null;
}

/** Back-off of one ordinal of one Revision: 1 s doubling to 5 min with jitter, reset after 10 min healthy. */
export interface Restart {
  readonly revision: string;
  readonly ordinal: number;
  readonly failuresInARow: number;
  readonly notBefore: number;
  readonly last: Failure;
}

/** A Revision that was tried and taken back: not tried again until the hash changes or somebody says `rollout retry`. */
export interface Rejection {
  readonly revision: string;
  readonly name: string;
  readonly reason: string;
  readonly message: string;
  readonly at: number;
  readonly snapshot: string;
  /** Hash of the Contract that it was taken back for, because `fairlead.lock` names another. */
  readonly contract?: string;
}

/** A Revision that was promoted, with all that came with it: what a way back restores. */
export interface Promotion {
  readonly revision: Revision;
  readonly service: Service;
  /** Hash of the Contract it was promoted with. */
  readonly contract: string | null;
  readonly at: number;
  /** `releaseTogether` of the Rollout, with the snapshots of the members that were promoted with it. */
  readonly together: Readonly<Record<string, string>> | null;
}

export interface ServiceRecord {
  readonly service: string;
  /** Grows with each different desired Service. */
  readonly generation: number;
  readonly state: LifecycleState;
  readonly stateSince: number;
  readonly health: HealthState;
  /** The last valid desired Service; null before there was one. */
  readonly desired: Service | null;
  readonly suspended: boolean;
  /** Its manifest went: it is being drained and will be archived. Kept while the source cannot be read. */
  readonly deleting: boolean;
  /** The life of the Host that `instances` were last seen in; another one means that all of them start anew. */
  readonly hostId: string;
  /** The Revision that was promoted last and serves; null before the first promotion. Kept while Inactive. */
  readonly stable: Revision | null;
  /**
   * The Service as declared with `stable`: its replicas, checks, limits and exposure hold until another is promoted, so a
   * Rollout that is taken back takes all of its manifest back.
   */
  readonly stableService: Service | null;
  /** The Contract that stable was promoted with; null when none was seen. Another one without a Rollout is drift. */
  readonly stableContract: string | null;
  /** Where stable's Contract has drifted to, against stableContract. */
  readonly drift: ContractComparison | null;
  /** Every kind of difference there is, that of the Contract too; in the order of driftKinds. */
  readonly drifts: readonly RecordedDrift[];
  /** Ids of Instances that no Plan names and that are left alone, by policy; sorted. */
  readonly spared: readonly string[];
  /** When the Plan was last said again because the Host differs from it; null: it does not. */
  readonly planRepeatedAt: number | null;
  /** Tools that are hidden and refused because of the Contract's drift, sorted. */
  readonly quarantine: readonly string[];
  /** Promoted Revisions, newest first, stable included; as many as rollback.window + 1. */
  readonly promoted: readonly Promotion[];
  /** What was stable before the last promotion, still running for an instant return (blue-green, keepOldFor). */
  readonly kept: { readonly revision: Revision; readonly until: number } | null;
  /** The Revision that the Rollout under way moves to. */
  readonly target: Revision | null;
  /** Revisions that are neither, whose Instances still drain. */
  readonly leaving: readonly Revision[];
  readonly rollout: Rollout | null;
  readonly rolloutCount: number;
  /** Newest first, at most 20. */
  readonly verdicts: readonly Verdict[];
  readonly rejections: readonly Rejection[];
  readonly instances: readonly InstanceRecord[];
  /** The number that the next Instance gets, so that an id is never used twice. */
  readonly nextIncarnation: number;
  readonly restarts: readonly Restart[];
  readonly route: Route | null;
  /** Generation of the first Plan with this Route: whoever follows that one, or a newer one, follows the Route. */
  readonly routePlan: number;
  readonly planGeneration: number;
  readonly conditions: readonly Condition[];
  /** Highest Command id taken. */
  readonly commandId: number;
  readonly observedSnapshot: string;
  readonly appliedSnapshot: string;
  readonly createdAt: number;
}
