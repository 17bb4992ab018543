/** What the host tells the gateway and what it hears from it. */
import type { Plan } from '../model/plan.ts';
import type { ShadowReport, TrafficCounters } from '../model/observation.ts';
import type { Contract } from '../model/contract.ts';
import type { UsageDay } from './store.ts';
import type { Upstream, UpstreamSession } from './upstream.ts';

/** An Instance that the gateway may know of: connected, Contract taken. */
export interface GatewayInstance {
  readonly id: string;
  /** Revision hash. */
  readonly revision: string;
  readonly upstream: Upstream;
  readonly contract: Contract;
}

export interface Gateway {
  /** Takes in a Plan's route, duties, limits and exposure. Synchronous: when it returns, the next call follows it. */
  apply(plan: Plan, instances: readonly GatewayInstance[]): void;
  forget(service: string): void;
  /** Client sessions bound to an Instance, and calls admitted to it and not yet answered. */
  load(instanceId: string): { readonly sessions: number; readonly inFlight: number };
  /** Called at once when a load that was not zero becomes zero: a drain can end. */
  onIdle(callback: (instanceId: string) => void): void;
  /** The weights that it routes a Service's calls by now; null: the name is not published. */
  routed(service: string): Readonly<Record<string, number>> | null;
  traffic(service: string): Readonly<Record<string, TrafficCounters>>;
  /** A session through the preview route, as a client of it would have; null while the Plan names no preview. Made anew when the preview is another. */
  preview(service: string): Promise<UpstreamSession> | null;
  /** What mirrored calls came to, of the Revision that the Plan mirrors to, or mirrored to last; null when it never did. */
  shadow(service: string): ShadowReport | null;
  /** Counts since the last call of this. */
  takeUsage(): UsageDay[];
  /** Resolves with the address it listens on. */
  listen(options: { host: string; port: number }): Promise<{ url: string }>;
  /** Stops admitting, lets calls end for at most `graceMs`, closes. */
  close(graceMs: number): Promise<void>;
}
