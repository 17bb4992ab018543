/** Operators' Commands, each taken once, in order, and told as an Event with who asked. */
import type { Command } from '../model/command.ts';
import { say, type Pass } from './pass.ts';
import { abort } from './rollout/engine.ts';

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
    case 'abort':
      if (record.rollout === null) say(pass, 'Warning', 'CommandIgnored', 'abort: no rollout is under way.', { actor });
      else abort(pass, actor);
      return;
    case 'retry':
      retry(pass, actor);
  }
}

/** Forgets that the declared Revision was rejected, and every back-off. */
function retry(pass: Pass, actor: `uid:${number}`): void {
  const { record } = pass;
  const wanted = record.desired?.revision.hash;
  record.rejections = record.rejections.filter(({ revision }) => revision !== wanted);
  record.restarts = [];
  say(pass, 'Normal', 'RetryRequested', 'Rejections of the declared revision and back-offs are forgotten.', { actor });
}
