/**
 * What a strategy is: a pure leaf that looks at how a Rollout stands and says what should be so now. It creates and
 * stops nothing itself; the engine carries its Step out, judges failures and ends the Rollout. A new strategy is a new
 * file beside in-place and an entry in strategies.ts.
 */
import type { Route } from '../../model/plan.ts';
import type { Rollout, RolloutPhase } from '../../model/rollout.ts';

/** How a Rollout stands. */
export interface Standing {
  readonly rollout: Rollout;
  /** Instances that the target should have, and stable until the target is promoted. */
  readonly replicas: number;
  readonly stableReplicas: number;
  /** stable and target cannot live side by side. */
  readonly exclusive: boolean;
  /** Instances of the target that are to stay and have passed their start checks. */
  readonly targetProven: number;
  /** The gateway has confirmed that it sends all calls to the target. */
  readonly routeConfirmed: boolean;
}

/** What should be so now. */
export interface Step {
  readonly phase: RolloutPhase;
  /** Serving Instances of stable and of the target. */
  readonly stable: number;
  readonly target: number;
  readonly route: Route;
  /** The target has become stable. */
  readonly promote: boolean;
  /** For a person: what the Rollout waits for. */
  readonly waitsFor: string;
}

export type Strategy = (standing: Standing) => Step;
