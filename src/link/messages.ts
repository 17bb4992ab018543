/**
 * What controller and Host say to each other: one JSON message a line over a unix socket that only its owner may use.
 * A conversation begins with `hello`; `welcome`, everything that is seen and `synced` answer it.
 */
import type { Contract } from '../model/contract.ts';
import type { Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { UsageDay } from '../ports/store.ts';

/** Both ends must say the same; they are one program, so another number means two versions at work on one data directory. */
export const protocolVersion = 2;

/** A longer message ends the connection: it is no message of ours. The largest of ours is a Contract, bounded by the upstream. */
export const maxMessageBytes = 256 << 20;

export type ToHost =
  | { readonly kind: 'hello'; readonly protocol: number; readonly epoch: number }
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'forget'; readonly service: string }
  /** `stored` false: say it again later. */
  | { readonly kind: 'usage-taken'; readonly batch: number; readonly stored: boolean };

export type ToController =
  /** `epoch`: the highest that the Host has seen. The connection is over. */
  | { readonly kind: 'refused'; readonly code: 'StaleEpoch' | 'Refused'; readonly message: string }
  | { readonly kind: 'welcome'; readonly hostId: string }
  /** Everything that the Host sees has been sent. */
  | { readonly kind: 'synced' }
  | { readonly kind: 'observation'; readonly observation: Observation }
  | { readonly kind: 'contract'; readonly contract: Contract }
  | { readonly kind: 'usage'; readonly batch: number; readonly usage: readonly UsageDay[] };
