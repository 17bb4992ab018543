/** Operators' Commands, each taken once, in order, and told as an Event with who asked. */
import type { Command } from '../model/command.ts';
import { say, type Pass } from './pass.ts';
import type { Rollout } from '../model/rollout.ts';
import { promoteWait } from './rollout/strategy.ts';
import { abort } from './rollout/verdict.ts';

export function takeCommands(pass: Pass): void {
  const { record, given } = pass;
  for (const command of given.commands) {
    if (command.id <= record.commandId) continue;
    record.commandId = command.id;
    take(pass, command);
  }
}

function take(pass: Pass, command: Command): void {
  const { record } = pass;
  const actor = `uid:${command.uid}` as const;
  switch (command.kind) {
    case 'suspend':
      record.suspended = true;
      say(pass, 'Normal', 'ServiceSuspended', 'Changes of its manifest are not applied until it is resumed.', { actor });
      return;
    case 'resume':
      record.suspended = false;
      say(pass, 'Normal', 'ServiceResumed', 'Changes of its manifest are applied again.', { actor });
      return;
    case 'retry':
      retry(pass, actor);
      return;
    case 'abort':
    case 'pause-rollout':
    case 'resume-rollout':
    case 'promote':
    case 'promote-full':
      if (record.rollout === null) pass.early.push(command);
      else steer(pass, record.rollout, command.kind, actor);
  }
}

/** A Rollout that has begun in the very pass of a command may be paused by it; nobody means to abort or to hurry what nobody has seen yet. */
export function takeEarly(pass: Pass): void {
  for (const { kind, uid } of pass.early) {
    const { rollout } = pass.record;
    if (rollout !== null && (kind === 'pause-rollout' || kind === 'resume-rollout')) steer(pass, rollout, kind, `uid:${uid}`);
    else ignore(pass, `${kind}: no rollout was under way`, `uid:${uid}`);
  }
}

/** Commands to the Rollout under way. */
function steer(
  pass: Pass,
  rollout: Rollout,
  kind: 'abort' | 'pause-rollout' | 'resume-rollout' | 'promote' | 'promote-full',
  actor: `uid:${number}`,
): void {
  const { record, now } = pass;
  const revision = record.target!.name;
  switch (kind) {
    case 'abort':
      abort(pass, actor);
      return;
    case 'pause-rollout':
      if (rollout.phase === 'Switching' || rollout.phase === 'Swapping') {
        ignore(pass, `pause: it is going over to ${revision} already; \`rollout abort\` takes it back`, actor);
        return;
      }
      record.rollout = { ...rollout, paused: rollout.paused ?? { since: now, actor } };
      say(pass, 'Normal', 'RolloutPaused', `Rollout ${rollout.number} stands still until \`rollout resume\`.`, { revision, actor });
      return;
    case 'resume-rollout':
      if (rollout.paused === null && rollout.waitsFor !== promoteWait) {
        ignore(pass, 'resume: it is not paused', actor);
        return;
      }
      record.rollout = rollout.paused === null ? { ...rollout, promoted: { step: rollout.step } } : { ...rollout, paused: null };
      say(pass, 'Normal', 'RolloutResumed', `Rollout ${rollout.number} goes on.`, { revision, actor });
      return;
    case 'promote':
    case 'promote-full':
      if (!canBePromoted(rollout, kind)) {
        ignore(pass, `${kind === 'promote' ? kind : 'promote --full'}: nothing to go past now: ${whyNot(rollout)}`, actor);
        return;
      }
      record.rollout = { ...rollout, promoted: kind === 'promote' ? { step: rollout.step } : 'full' };
      say(pass, 'Normal', 'PromotionRequested', promotionWords(rollout, kind), { revision, actor });
  }
}

function ignore(pass: Pass, why: string, actor: `uid:${number}`): void {
  say(pass, 'Warning', 'CommandIgnored', `${why}.`, { actor });
}

/** A wait for time, data or a person may be gone past; what makes the target ready may not, nor what somebody paused or what has failed. */
function canBePromoted(
  { direct, strategy, phase, paused, promoted, waitsOn, waitsFor }: Rollout,
  kind: 'promote' | 'promote-full',
): boolean {
  if (direct !== null || promoted === 'full' || paused !== null || (waitsOn === 'person' && waitsFor !== promoteWait)) return false;
  if (phase === 'Previewing') return true;
  if (kind === 'promote-full') return phase === 'Stepping' || (strategy === 'canary' && phase === 'Proving');
  return phase === 'Stepping' && (waitsOn === 'time' || waitsOn === 'data' || waitsOn === 'person');
}

function whyNot({ paused, promoted, waitsFor }: Rollout): string {
  if (paused !== null) return `${paused.actor} paused it, \`rollout resume\` comes first`;
  if (promoted === 'full') return 'its steps are skipped already';
  return waitsFor === '' ? 'it waits for nothing that could be skipped' : `it waits for ${waitsFor}`;
}

function promotionWords({ number, phase, waitsFor }: Rollout, kind: 'promote' | 'promote-full'): string {
  if (phase === 'Previewing' && waitsFor !== promoteWait)
    return `Rollout ${number} goes over as soon as the checks through the preview route pass.`;
  if (kind === 'promote-full') return `Rollout ${number} skips the steps that are left; the target must be ready all the same.`;
  return `Rollout ${number} does not wait any longer for ${waitsFor === '' ? 'its step' : waitsFor}.`;
}

/** Forgets that the declared Revision was rejected, and every back-off. */
function retry(pass: Pass, actor: `uid:${number}`): void {
  const { record } = pass;
  const wanted = record.desired?.revision.hash;
  record.rejections = record.rejections.filter(({ revision }) => revision !== wanted);
  record.restarts = [];
  say(pass, 'Normal', 'RetryRequested', 'Rejections of the declared revision and back-offs are forgotten.', { actor });
}
