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

/** Upper bounds in ms of the latency buckets; one more bucket stands for all above. */
export const latencyBoundsMs: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

export interface TrafficCounters {
  readonly calls: number;
  readonly protocolErrors: number;
  readonly toolErrors: number;
  /** Calls that took up to each of latencyBoundsMs and longer than the one before; not cumulative. */
  readonly latencyBuckets: readonly number[];
  readonly latencySumMs: number;
}

export interface Observation {
  readonly service: string;
  /** Names one life of the Host process; another id means every Instance of the one before is gone. */
  readonly hostId: string;
  /** Generation of the newest Plan the Host has taken in; 0 when none. */
  readonly planGeneration: number;
  /** Generation of the newest Plan whose Route the gateway has confirmed as in force. */
  readonly routeGeneration: number;
  readonly instances: readonly ObservedInstance[];
  /** By Revision hash, since the Host started. */
  readonly traffic: Readonly<Record<string, TrafficCounters>>;
}
