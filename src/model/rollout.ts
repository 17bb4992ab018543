/** A Rollout: the stored passage of a Service from its stable Revision to a target Revision. At most one a Service at a time. */

export type RolloutResult = 'Promoted' | 'RolledBack' | 'Aborted' | 'Superseded';

/** How a Rollout stands, the same for every strategy. */
export type RolloutPhase =
  /** Target Instances start, handshake and are checked; no call reaches them. */
  | 'Proving'
  /** Exclusive services only: stable has been stopped, calls wait in the gateway, the target starts. */
  | 'Swapping'
  /** The route has been told to move; waiting for the gateway's word that it has. */
  | 'Switching';

export interface Rollout {
  readonly number: number;
  readonly strategy: 'in-place';
  /** Revision hashes; null on the first deployment, which has nothing to go back to. */
  readonly stable: string | null;
  readonly target: string;
  readonly phase: RolloutPhase;
  readonly startedAt: number;
  readonly phaseStartedAt: number;
  /** Target Instances that failed so far in this Rollout. */
  readonly failures: number;
  readonly lastFailure: Failure | null;
  readonly snapshot: string;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly at: number;
}

/** How a Rollout ended: distinct, said once, after it was stored. */
export interface Verdict {
  readonly number: number;
  readonly result: RolloutResult;
  readonly reason: string;
  readonly message: string;
  /** Revision names, for people; hashes identify. */
  readonly stable: string | null;
  readonly target: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly snapshot: string;
}
