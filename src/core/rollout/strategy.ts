/**
 * What a strategy is: a pure leaf that looks at how a Rollout stands and says what should be so now. It creates and
 * stops nothing itself; the engine carries its Step out, judges failures and ends the Rollout. A new strategy is a new
 * file beside in-place and an entry in strategies.ts.
 */
import type { Route, Shadow } from '../../model/plan.ts';
import type { Measurement, Rollout, RolloutPhase, WaitsOn } from '../../model/rollout.ts';
import type { Migration } from '../../model/service.ts';

/** How a Rollout stands. */
export interface Standing {
  readonly rollout: Rollout;
  readonly migration: Migration;
  readonly now: number;
  /** Instances that the target should have in the end, and stable until the target is promoted. */
  readonly replicas: number;
  readonly stableReplicas: number;
  /** Ordinals of the target's Instances that are to stay and have passed their start checks. */
  readonly proven: readonly number[];
  /** Those of them whose latest answer to a start check was no pass: they have begun to fail, or to hang. */
  readonly doubtful: readonly number[];
  /** So many of the target's Instances are there to serve, gaps in their ordinals counted, whether they have passed them or not. */
  readonly there: number;
  /** Ordinals of stable's Instances that serve and have passed theirs, and of those that failed and are in back-off. */
  readonly stableProven: readonly number[];
  readonly stableFailing: readonly number[];
  /** The target's share of calls as it was planned last, in percent. */
  readonly weight: number;
  /** The Route that the gateway has confirmed to be in force; null while it has not. */
  readonly inForce: Route | null;
  /** The Contracts have been compared, and nothing in them stops the target. */
  readonly gateOpen: boolean;
  /** Every check that is to pass through the preview route does. */
  readonly previewPasses: boolean;
  /** No other Service of the group is still on its way. */
  readonly groupOpen: boolean;
  /** Why nothing more may move towards the target (somebody paused it, or it failed and may not be taken back); null when it may. */
  readonly held: string | null;
  /** The latest of the analysis. */
  readonly measurement: Measurement | null;
}

/** What should be so now. */
export interface Step {
  readonly phase: RolloutPhase;
  /** Serving Instances of stable and of the target. */
  readonly stable: number;
  readonly target: number;
  /** Share of calls that the target gets, in percent. */
  readonly weight: number;
  /** Calls wait in the gateway. */
  readonly hold: boolean;
  readonly preview: boolean;
  readonly shadow: Shadow | null;
  /** The step under way is done: the next one begins. */
  readonly stepDone: boolean;
  /** The target has become stable. */
  readonly promote: boolean;
  readonly waitsOn: WaitsOn;
  /** For a person: what the Rollout waits for. */
  readonly waitsFor: string;
  /** When time alone changes something; null: never. */
  readonly until: number | null;
}

export type Strategy = (standing: Standing) => Step;

/** The Step in which everything is left as stable has it, waiting. What a strategy says is said on top of it. */
export function waiting(standing: Standing, phase: RolloutPhase, waitsOn: WaitsOn, waitsFor: string): Step {
  return {
    phase,
    stable: standing.stableReplicas,
    target: standing.replicas,
    weight: 0,
    hold: false,
    preview: false,
    shadow: null,
    stepDone: false,
    promote: false,
    waitsOn,
    waitsFor,
    until: null,
  };
}

/** How many of the target's first `count` Instances are proven. */
export function provenOf({ proven }: Standing, count: number): number {
  return proven.filter((ordinal) => ordinal < count).length;
}

/** Whether the latest answers of the target's first `count` Instances were passes. */
export function checksPass({ doubtful }: Standing, count: number): boolean {
  return doubtful.every((ordinal) => ordinal >= count);
}

/** The Step of a target that may not be called yet: it starts, or its Contract is awaited. Null once it may. */
export function beforeTraffic(standing: Standing, count: number): Step | null {
  const proven = provenOf(standing, count);
  if (standing.held !== null) return { ...waiting(standing, 'Proving', 'person', standing.held), target: count };
  if (proven < count) return { ...waiting(standing, 'Proving', 'instances', instancesLeft(count - proven, count)), target: count };
  if (!standing.gateOpen) return { ...waiting(standing, 'Proving', 'instances', contractsWait), target: count };
  return null;
}

export function instancesLeft(missing: number, count: number): string {
  return `${missing} of ${count} target instances to start and pass their checks`;
}

export const checksWait = 'the target to pass its checks again';
export const contractsWait = 'the contracts of both revisions';
export const groupWait = 'the other services of its group';
/** What waits for these words goes on when somebody says so; nothing else that waits for a person does. */
export const promoteWait = 'somebody to say `rollout promote`';

/** The Step in which all calls are told to go to the target; it is promoted once the gateway says that they do. */
export function switching(standing: Standing): Step {
  const { rollout, inForce } = standing;
  return {
    ...waiting(standing, 'Switching', 'gateway', 'the gateway to confirm the route'),
    weight: 100,
    promote: inForce?.weights[rollout.target] === 100,
  };
}
