/** What comes of a Command to a Rollout, told by how its Service stood before. Pure. */
import { formatDuration } from '../../base/duration.ts';
import type { CommandKind } from '../../model/command.ts';
import type { RolloutStatus, ServiceResource } from '../../model/resource.ts';
import { shareText } from './rollout-words.ts';
import { stagesOf } from './stages.ts';

/** Sentences, and the command that goes on from there; with a newline. */
export function nextText({ metadata, status }: ServiceResource, kind: CommandKind, now: number): string {
  const { name } = metadata;
  const { rollout } = status;
  const follow = `fairlead rollout status ${name}`;
  if (kind === 'retry') return `${name}: what its manifest declares is tried again, whatever came of it before.\n  follow it: ${follow}\n`;
  if (rollout === null) return `${name}: asked for.\n  see what came of it: ${follow}\n`;
  return `${name}, rollout ${rollout.number}: ${told(rollout, kind, name, now)}\n`;
}

function told(rollout: RolloutStatus, kind: CommandKind, name: string, now: number): string {
  const follow = `\n  follow it: fairlead rollout status ${name}`;
  const resumed = rollout.paused === null ? '' : `, once somebody says \`fairlead rollout resume ${name}\``;
  const share = `${shareText(rollout.weights?.target ?? 0)} of calls to ${rollout.target}`;
  switch (kind) {
    case 'pause-rollout':
      return `stands still at \`${presentStage(rollout)}\`, with ${share}; failures are still judged.\n  go on: fairlead rollout resume ${name}`;
    case 'resume-rollout':
      return `goes on from \`${presentStage(rollout)}\`${leftText(rollout, now)}.${follow}`;
    case 'promote':
      return `goes past \`${presentStage(rollout)}\`${nextStage(rollout)}${resumed}.${follow}`;
    case 'promote-full':
      return `goes past all its steps: every call to ${rollout.target} once it is ready${resumed}.${follow}`;
    default:
      return rollout.stable === null
        ? `${rollout.target} is stopped; there is nothing to go back to.\n  try it again: fairlead rollout retry ${name}`
        : `${rollout.target} gets no more calls and is drained; ${rollout.stable} keeps serving.\n  try it again: fairlead rollout retry ${name}`;
  }
}

function presentStage(rollout: RolloutStatus): string {
  const { names, present } = stagesOf(rollout);
  return names[present]!;
}

function nextStage(rollout: RolloutStatus): string {
  const { names, present } = stagesOf(rollout);
  const next = names[present + 1];
  return next === undefined ? '' : ` to \`${next}\``;
}

/** How long a timed step goes on. */
function leftText({ stepEndsAt }: RolloutStatus, now: number): string {
  const left = stepEndsAt === null ? 0 : Date.parse(stepEndsAt) - now;
  return left > 0 ? `, for ${formatDuration(left)} more` : '';
}
