/** Operators' Commands, each taken once, in order, and told as an Event with who asked. */
import type { Command } from '../model/command.ts';
import { say, type Pass } from './pass.ts';
import type { Rollout } from '../model/rollout.ts';
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
      if (record.rollout === null) say(pass, 'Warning', 'CommandIgnored', `${command.kind}: no rollout is under way.`, { actor });
      else steer(pass, record.rollout, command.kind, actor);
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
        say(pass, 'Warning', 'CommandIgnored', `pause: all calls have gone over to ${revision} already; \`rollout abort\` takes it back.`, {
          actor,
        });
        return;
      }
      record.rollout = { ...rollout, paused: rollout.paused ?? { since: now, actor } };
      say(pass, 'Normal', 'RolloutPaused', `Rollout ${rollout.number} stands still until \`rollout resume\`.`, { revision, actor });
      return;
    case 'resume-rollout':
      record.rollout =
        rollout.paused === null && rollout.waitsOn === 'person'
          ? { ...rollout, promoted: { step: rollout.step } }
          : { ...rollout, paused: null };
      say(pass, 'Normal', 'RolloutResumed', `Rollout ${rollout.number} goes on.`, { revision, actor });
      return;
    case 'promote':
    case 'promote-full':
      if (!canBePromoted(rollout, kind)) {
        const why = rollout.waitsFor === '' ? 'it waits for nothing that could be skipped' : `it waits for ${rollout.waitsFor}`;
        say(pass, 'Warning', 'CommandIgnored', `${kind}: nothing to go past now: ${why}.`, { actor });
        return;
      }
      record.rollout = { ...rollout, promoted: kind === 'promote' ? { step: rollout.step } : 'full' };
      say(pass, 'Normal', 'PromotionRequested', promotionWords(rollout, kind), { revision, actor });
  }
}

/** A step or a preview may be gone past; what makes the target ready may not. */
function canBePromoted({ direct, strategy, phase }: Rollout, kind: 'promote' | 'promote-full'): boolean {
  if (direct !== null) return false;
  return phase === 'Stepping' || phase === 'Previewing' || (kind === 'promote-full' && strategy === 'canary' && phase === 'Proving');
}

function promotionWords(rollout: Rollout, kind: 'promote' | 'promote-full'): string {
  if (kind === 'promote-full') return `Rollout ${rollout.number} skips the steps that are left; the target must be ready all the same.`;
  return `Rollout ${rollout.number} does not wait any longer for ${rollout.waitsFor === '' ? 'its step' : rollout.waitsFor}.`;
}

/** Forgets that the declared Revision was rejected, and every back-off. */
function retry(pass: Pass, actor: `uid:${number}`): void {
  const { record } = pass;
  const wanted = record.desired?.revision.hash;
  record.rejections = record.rejections.filter(({ revision }) => revision !== wanted);
  record.restarts = [];
  say(pass, 'Normal', 'RetryRequested', 'Rejections of the declared revision and back-offs are forgotten.', { actor });
}
