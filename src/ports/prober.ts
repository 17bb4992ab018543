/** Puts a Check to an Instance. One prober serves every Instance; it keeps no session of its own (it uses `upstream.own`). */
import type { Check } from '../model/service.ts';
import type { CheckOutcome, TrafficCounters } from '../model/observation.ts';
import type { Upstream } from './upstream.ts';

export interface ProbeSubject {
  readonly instanceId: string;
  readonly upstream: Upstream;
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
