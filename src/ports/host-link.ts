/** The controller's end of its connection to the Host. Writes carry the epoch; the Host refuses one lower than it has seen. */
import type { Contract } from '../model/contract.ts';
import type { Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { UsageDay } from './store.ts';

export interface HostListener {
  /** The Host answered the greeting. `observations` is all that it sees now; everything said before is void. */
  connected(hostId: string, observations: readonly Observation[]): void;
  observed(observation: Observation): void;
  /** A Contract that an Instance offers, sent once a hash and connection. */
  contract(contract: Contract): void;
  /** Calls since the last such message. The Host keeps them until this has returned, and resolved where it returns a promise. */
  usage(usage: readonly UsageDay[]): void | Promise<void>;
  disconnected(reason: string): void;
}

export interface HostLink {
  /** Connects, and connects again for as long as it takes. */
  start(epoch: number, listener: HostListener): void;
  /** Sends a whole Plan; lost silently while disconnected (after `connected` everything is sent again). */
  send(plan: Plan): void;
  /** The Service is gone: its Instances stop, its name is not published. */
  forget(service: string): void;
  close(): Promise<void>;
}
