/** A Rollout: the stored passage of a Service from its stable Revision to a target Revision. At most one a Service at a time. */
import type { ContractComparison } from './contract.ts';
import type { ShadowReport, TrafficCounters } from './observation.ts';
import type { StrategyName } from './service.ts';

export type RolloutResult = 'Promoted' | 'RolledBack' | 'Aborted' | 'Superseded';

/** How a Rollout stands. */
export type RolloutPhase =
  /** Target Instances start, handshake and are checked; no call reaches them. */
  | 'Proving'
  /** Exclusive services only: stable has been stopped, calls wait in the gateway, the target starts. */
  | 'Swapping'
  /** Rolling: Instances of stable are replaced by those of the target, a few at a time. */
  | 'Replacing'
  /** Blue-green: the whole target is up, on the preview route only. */
  | 'Previewing'
  /** Canary: its steps, one after the other. */
  | 'Stepping'
  /** Everything that had to be shown was; it waits for the other Services of its group. */
  | 'Gathering'
  /** All calls have been told to go to the target; waiting for the gateway's word that they do. */
  | 'Switching';

/** Why a Rollout has no steps, no analysis and no gate; its target must become ready all the same. */
export type DirectReason =
  /** There is nothing to go back to. */
  | 'first'
  /** The manifest returned to a Revision that was promoted lately. */
  | 'return'
  /** stable became unhealthy after its promotion and the one before takes over again. */
  | 'fallback'
  /** Two of it cannot live side by side. */
  | 'exclusive';

/** instances, gateway: the deadline runs. time, data, person, group: it stands still. */
export type WaitsOn = 'instances' | 'gateway' | 'time' | 'data' | 'person' | 'group';

export interface Rollout {
  readonly number: number;
  readonly strategy: StrategyName;
  readonly direct: DirectReason | null;
  /** Revision hashes; null on the first deployment, which has nothing to go back to. */
  readonly stable: string | null;
  readonly target: string;
  readonly phase: RolloutPhase;
  readonly startedAt: number;
  readonly phaseStartedAt: number;
  /** Of the steps it goes by. */
  readonly stepsHash: string;
  /** Index of the canary step under way (rolling: target Instances that have taken over), and since when; as many as there are steps when all are done. */
  readonly step: number;
  readonly stepStartedAt: number;
  /** Somebody said `rollout pause`. */
  readonly paused: { readonly since: number; readonly actor: `uid:${number}` } | null;
  /** Somebody said `rollout promote` (of the step or wait with this number), or `--full`. */
  readonly promoted: { readonly step: number } | 'full' | null;
  /** Since when it has been waiting for time, a person, data or its group, and how long it did so before: no part of the deadline. */
  readonly waitingSince: number | null;
  readonly waitedMs: number;
  /** What it waits for: of what kind, and for a person. */
  readonly waitsOn: WaitsOn;
  readonly waitsFor: string;
  /** The group has let it go on: it is not held again. */
  readonly released: boolean;
  /** stable's Contract against the target's; null until both are known, or where it is not asked for. */
  readonly contract: ContractComparison | null;
  readonly analysis: AnalysisState | null;
  /** The largest share of calls that the target got so far, in percent. */
  readonly topWeight: number;
  /** What a shadow step found, as last seen. */
  readonly shadow: ShadowReport | null;
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

/** pass, fail; inconclusive: too little to say; error: a metrics source gave no answer. */
export type Outcome = 'pass' | 'fail' | 'inconclusive' | 'error';

/** One check of one Measurement, with the numbers behind it. */
export interface Judgement {
  readonly check: string;
  readonly outcome: Outcome;
  /** For a person, numbers included: `5.2 % of 412 calls failed, stable 0.3 % of 3,800 (Fisher p = 0.0001); at most 2 %`. */
  readonly message: string;
  /** In the check's own unit (a rate in 0..1, ms, the metric's value); null where there was none. */
  readonly target: number | null;
  readonly stable: number | null;
  /** One-sided p-value of the comparison with stable. */
  readonly p: number | null;
}

export interface Measurement {
  readonly at: number;
  /** The worst of its judgements: fail, then error, inconclusive, pass. */
  readonly outcome: Outcome;
  /** Calls in the window. */
  readonly calls: { readonly stable: number; readonly target: number };
  readonly judgements: readonly Judgement[];
}

/** Traffic of both Revisions over the window of an analysis, and what was made of it. */
export interface AnalysisState {
  readonly startedAt: number;
  readonly measuredAt: number;
  /** Counters as last seen of that life of the Host; what comes on top of them is added to the window. */
  readonly seen: { readonly hostId: string; readonly stable: TrafficCounters | null; readonly target: TrafficCounters | null };
  readonly window: { readonly stable: TrafficCounters; readonly target: TrafficCounters };
  /** Measurements that failed in this Rollout. */
  readonly failures: number;
  /** Newest first, at most 20. */
  readonly measurements: readonly Measurement[];
}

/** How a Rollout ended: distinct, said once, after it was stored. */
export interface Verdict {
  readonly number: number;
  readonly strategy: StrategyName;
  readonly direct: DirectReason | null;
  readonly result: RolloutResult;
  readonly reason: string;
  readonly message: string;
  /** Revision names, for people; hashes identify. */
  readonly stable: string | null;
  readonly target: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** The largest share of calls that the target got, in percent. */
  readonly weight: number;
  readonly contract: ContractComparison | null;
  /** The measurement that decided, or the last one; null when none was taken. */
  readonly measurement: Measurement | null;
  readonly shadow: ShadowReport | null;
  readonly snapshot: string;
}
