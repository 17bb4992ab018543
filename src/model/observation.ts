/** An Observation: what the Host sees of one Service. Facts only; judging them is the heart's work. */

export type CheckOutcome = 'pending' | 'pass' | 'fail' | 'error';

export interface CheckResult {
  readonly name: string;
  readonly type: 'basic' | 'functional' | 'performance' | 'dependency';
  /** error: the check itself could not be made (ran out of time, broke); only the fourth in a row counts. */
  readonly outcome: CheckOutcome;
  readonly message: string;
  readonly at: number;
  readonly latencyMs: number | null;
  readonly passesInARow: number;
  readonly failsInARow: number;
  readonly errorsInARow: number;
}

/** How an Instance ended, or why it never came up. */
export interface InstanceEnd {
  /** A name in the error registry: CommandNotFound, StartFailed, ExitedEarly, HandshakeTimeout, Exited … */
  readonly code: string;
  readonly message: string;
  readonly at: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last lines of stderr, redacted, at most 2 KiB. */
  readonly stderrTail: string;
}

export interface ObservedInstance {
  readonly id: string;
  /** Revision hash. */
  readonly revision: string;
  /**
   * starting: spawned, not yet through the handshake. connected: handshake done, Contract taken, being checked.
   * ended: it is over (see `end`); stays in the Observation until the Plan no longer names it. stopping: being stopped.
   */
  readonly phase: 'starting' | 'connected' | 'stopping' | 'ended';
  readonly pid: number | null;
  readonly port: number | null;
  readonly startedAt: number;
  readonly connectedAt: number | null;
  readonly end: InstanceEnd | null;
  readonly contract: string | null;
  readonly checks: readonly CheckResult[];
  /** Client sessions bound to this Instance (0 for a shared stdio process: nothing is bound to it). */
  readonly sessions: number;
  /** Calls admitted and not yet answered. */
  readonly inFlight: number;
}

/** Preferred numbers of the series R10 (ISO 3), each about 1.26 times the one before: fine enough to tell a p95 that has doubled. */
const decade = [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8];
/** Upper bounds in ms of the latency buckets, 1 ms to 80 s; one more bucket stands for all above. */
export const latencyBoundsMs: readonly number[] = [1, 10, 100, 1_000, 10_000].flatMap((scale) => decade.map((step) => step * scale));

export interface TrafficCounters {
  readonly calls: number;
  readonly protocolErrors: number;
  readonly toolErrors: number;
  /** Calls that took up to each of latencyBoundsMs and longer than the one before; not cumulative. */
  readonly latencyBuckets: readonly number[];
  readonly latencySumMs: number;
}

export const noTraffic: TrafficCounters = {
  calls: 0,
  protocolErrors: 0,
  toolErrors: 0,
  latencyBuckets: Array.from({ length: latencyBoundsMs.length + 1 }, () => 0),
  latencySumMs: 0,
};

/** What mirrored calls came to (see Route.shadow); counted since the Host began to mirror to this Revision. */
export interface ShadowReport {
  /** Revision hash of the target. */
  readonly revision: string;
  readonly calls: number;
  readonly same: number;
  readonly different: number;
  /** Mirrored calls that the target did not answer. */
  readonly failed: number;
  /** Mirrored calls left out, because too many were under way. */
  readonly skipped: number;
  /** The latest, at most 10, newest first. Values are redacted and cut. */
  readonly examples: readonly ShadowDifference[];
}
export interface ShadowDifference {
  readonly tool: string;
  /** JSON Pointer into the result where the two first differ. */
  readonly path: string;
  readonly stable: string;
  readonly target: string;
  readonly at: number;
}

/** The answer of a metrics source (see Plan.measures). */
export interface MetricReading {
  /** Of the analysis check. */
  readonly name: string;
  readonly at: number;
  /** null: there was no answer to judge; see `error`. For an HTTP check 1 is yes and 0 no, unless it answers with a value. */
  readonly value: number | null;
  /** What an HTTP check said by its status alone, whatever its limits are; null: `value` is to be held against them. */
  readonly verdict: 'pass' | 'fail' | null;
  /** For a person: why there is no value, or what an HTTP check that fails answered. */
  readonly error: string | null;
}

export interface Observation {
  readonly service: string;
  /** Names one life of the Host process; another id means every Instance of the one before is gone. */
  readonly hostId: string;
  /** Generation of the newest Plan the Host has taken in; 0 when none. */
  readonly planGeneration: number;
  /** Generation of the newest Plan whose Route the gateway has confirmed as in force. */
  readonly routeGeneration: number;
  /** The weights that the gateway routes by, as Route.weights; null: the name is not published. */
  readonly routed: Readonly<Record<string, number>> | null;
  readonly instances: readonly ObservedInstance[];
  /** Checks made through the preview route, by those that Plan.preview names; null while there is none. */
  readonly preview: { readonly revision: string; readonly checks: readonly CheckResult[] } | null;
  readonly shadow: ShadowReport | null;
  /** The latest of each measure. */
  readonly metrics: readonly MetricReading[];
  /** By Revision hash, since the Host started. */
  readonly traffic: Readonly<Record<string, TrafficCounters>>;
}
