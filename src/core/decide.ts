/**
 * The heart: what should be done next for one Service, from what is desired, remembered and observed, at one instant.
 * Pure: no clock, no random, no I/O, and it never throws for the world.
 */
import type { Condition } from '../model/condition.ts';
import type { Desired } from '../model/desired.ts';
import type { EventDraft } from '../model/event.ts';
import type { Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { ServiceRecord } from '../model/record.ts';

export interface Decision {
  /** The Record to store; null only when there is nothing to remember (absent, and never was). Same object when nothing changed. */
  readonly record: ServiceRecord | null;
  /** The whole Plan; null when the service is gone and the Host should forget it. */
  readonly plan: Plan | null;
  readonly conditions: readonly Condition[];
  readonly events: readonly EventDraft[];
  /** Latest instant at which to decide again though nothing was observed; null: only when something happens. */
  readonly wakeAt: number | null;
  /** True: drained and stopped after its manifest went; move the Record to the archive. */
  readonly archive: boolean;
}

export type Decide = (desired: Desired, record: ServiceRecord | null, observation: Observation | null, now: number) => Decision;
