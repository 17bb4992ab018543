/** Puts a Check to an Instance, or through a route to one. One prober serves all; it keeps no session of its own. */
import type { Check } from '../model/service.ts';
import type { CheckOutcome, TrafficCounters } from '../model/observation.ts';
import type { UpstreamSession } from './upstream.ts';

export interface ProbeSubject {
  /** The session to ask on. Rejects when there is none, which is an error of the check and no failure. */
  session(): Promise<UpstreamSession>;
  /** Traffic of this Revision since the previous round of checks. */
  readonly traffic: TrafficCounters;
  /** Latencies in ms of the latest probes that called a tool, at most 100. */
  readonly probeLatenciesMs: readonly number[];
  /** Whether a service of this name is Ready on this host. */
  serviceReady(name: string): boolean;
}

export interface Answer {
  readonly outcome: CheckOutcome;
  readonly message: string;
  readonly latencyMs: number | null;
}

export interface Prober {
  /** Never rejects: what breaks or runs out of time is `error`. */
  probe(check: Check, subject: ProbeSubject): Promise<Answer>;
}
