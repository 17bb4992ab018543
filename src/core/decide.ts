/**
 * The heart: what should be so next for one Service, from what is desired, remembered and observed, at one instant.
 * Pure: no clock, no random, no I/O, and it never throws for the world. Deciding twice on the same facts changes
 * nothing: the second Decision carries the very same Record object.
 */
import type { Condition } from '../model/condition.ts';
import type { Desired } from '../model/desired.ts';
import type { EventDraft } from '../model/event.ts';
import type { Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { ServiceRecord } from '../model/record.ts';
import { takeCommands } from './commands.ts';
import { judgeConditions, rememberJudgement } from './conditions.ts';
import { takeDeclaration } from './declaration.ts';
import { judgeContract, judgeFiles, noteContract } from './drift.ts';
import { judgeHealth } from './health.ts';
import { judgeHost, reviewSpared } from './host-drift.ts';
import { advanceDrains, drainAll, mayBeAlive, nothingAlive, takeObservation } from './instances.ts';
import { goalOf, type Pass } from './pass.ts';
import { planDiffers, planOf } from './plan.ts';
import { isSameRecord, newRecord } from './record.ts';
import { forgetRestarts } from './restart.ts';
import { advanceRollout, endForStop, setRoute } from './rollout/engine.ts';
import { advanceState } from './state.ts';

export interface Decision {
  /** The Record to store; null only when there is nothing to remember (absent, and never was). Same object when nothing changed. */
  readonly record: ServiceRecord | null;
  /** The whole Plan; null when the Host should know nothing of the service. */
  readonly plan: Plan | null;
  readonly conditions: readonly Condition[];
  readonly events: readonly EventDraft[];
  /** Latest instant at which to decide again though nothing was observed; null: only when something happens. */
  readonly wakeAt: number | null;
  /** True: drained and stopped after its manifest went; move the Record to the archive. */
  readonly archive: boolean;
}

export type Decide = (desired: Desired, record: ServiceRecord | null, observation: Observation | null, now: number) => Decision;

export const decide: Decide = (desired, before, observation, now) => {
  const { kind } = desired.declaration;
  if (before === null && (kind === 'absent' || kind === 'unknown')) return nothing;
  const record = before === null ? newRecord(desired.service, now) : { ...before };
  const pass: Pass = { given: desired, before, observation, now, record, events: [], early: [], wakeAt: null };

  takeCommands(pass);
  takeDeclaration(pass);
  takeObservation(pass);
  // Before, for what is gone stands in nobody's way any more.
  advanceDrains(pass);
  judgeHost(pass);
  judgeFiles(pass);
  // Before, for the gate compares with what it leaves; a promotion judges again, for stable is another then.
  judgeContract(pass);
  advance(pass);
  reviewSpared(pass);
  forgetGone(pass);
  noteContract(pass);
  judgeHealth(pass);
  advanceState(pass);
  judgeConditions(pass);
  return decision(pass);
};

const nothing: Decision = { record: null, plan: null, conditions: [], events: [], wakeAt: null, archive: false };

/** Towards the goal: a Service that should run is rolled out and kept up, any other is drained. */
function advance(pass: Pass): void {
  if (goalOf(pass) === 'running') {
    advanceRollout(pass);
    return;
  }
  endForStop(pass);
  drainAll(pass);
  setRoute(pass, null);
}

/** A Revision has left when no Instance of it is planned; an exclusive one only when the Host says that none is alive, for others wait for that. */
function forgetGone(pass: Pass): void {
  const { record } = pass;
  forgetRestarts(pass);
  const leaving = record.leaving.filter(({ hash, run }) => {
    if ([record.stable, record.target, record.kept?.revision].some((known) => known?.hash === hash)) return false;
    return run.exclusive ? mayBeAlive(pass, hash) : record.instances.some(({ revision }) => revision === hash);
  });
  if (leaving.length !== record.leaving.length) record.leaving = leaving;
}

function decision(pass: Pass): Decision {
  const { before, record, events, wakeAt } = pass;
  const archive = record.deleting && (record.desired === null || nothingAlive(pass));
  if (planDiffers(before, record)) record.planGeneration += 1;
  const kept = before !== null && isSameRecord(before, record) ? before : (record as ServiceRecord);
  rememberJudgement(kept, pass.given);
  return { record: kept, plan: archive ? null : planOf(kept), conditions: kept.conditions, events, wakeAt, archive };
}
