/** What the Host lets its controller do and see: the host's end of the link is a view of this and of nothing else. */
import type { Contract } from '../model/contract.ts';
import type { Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { UsageDay } from './store.ts';

export interface HostControl {
  /** Names this life of the Host. */
  readonly hostId: string;
  /** Takes in a whole Plan. Idempotent; of two Plans that name one Instance the later one has it, running on. */
  take(plan: Plan): void;
  /** The Service is gone. Its Instances stop after a moment, unless another Service's Plan names them by then. */
  forget(service: string): void;
  /** Services that there is something to say of, sorted. */
  services(): readonly string[];
  /** What is so now; null for a Service that the Host knows nothing of. */
  observe(service: string): Observation | null;
  /** The Contracts that a Service's Instances offer now, each as often as it is offered. */
  contracts(service: string): readonly Contract[];
  /** Calls back when `observe` of a Service has something new that the controller should hear of at once. */
  onChange(callback: (service: string) => void): void;
  /** Calls since the last time it was asked. */
  takeUsage(): UsageDay[];
}
