/** A Rollout in a pipe: one line for each change since it was last looked at. Nothing that only time changes is one. Pure. */
import type { ContractClass } from '../../model/contract.ts';
import type { RolloutStatus } from '../../model/resource.ts';
import { took } from './resource-table.ts';
import { directText, reasoned, shareText, stepText } from './rollout-words.ts';
import { oneLine } from './table.ts';

/** The lines to print of a Rollout of the service `name` that was last seen as `before`; null: not yet. */
export function rolloutChanges(name: string, before: RolloutStatus | null, seen: RolloutStatus, now: number): string[] {
  const earlier = before?.number === seen.number ? before : null;
  const line = (text: string): string => `${name}  rollout ${seen.number}  ${text}`;
  const lines: string[] = [];
  if (seen.contract !== null && earlier?.contract?.to !== seen.contract.to) lines.push(`contract: ${contractTally(seen)}`);
  if (seen.failures > (earlier?.failures ?? 0))
    lines.push(`failed attempt ${seen.failures}: ${oneLine(reasoned(seen.reason, seen.message))}`);
  const latest = seen.running ? seen.measurements[0] : undefined;
  const last = earlier?.measurements[0];
  if (latest !== undefined && latest.at !== last?.at && (latest.outcome === 'fail' || latest.outcome !== last?.outcome))
    lines.push(`measured ${latest.outcome}: ${latest.judgements.map(({ check, message }) => `${check}: ${oneLine(message)}`).join('; ')}`);
  const standing = standingText(seen, now);
  if (earlier === null || standing !== standingText(earlier, now)) lines.push(standing);
  return lines.map(line);
}

function standingText(rollout: RolloutStatus, now: number): string {
  const { strategy, phase, paused, target, weights, waitsFor, running, reason, message } = rollout;
  const head = `${strategy}${directText(rollout)}  ${target}  ${paused === null ? phase : 'Paused'}`;
  if (!running) return `${head} after ${took(rollout, now)}: ${oneLine(reasoned(reason, message))}`;
  const parts = [head, stepText(rollout), `weight ${shareText(weights?.target ?? 0)}`];
  return [...parts, waitsFor === '' ? '' : `waits for ${waitsFor}`].filter((part) => part !== '').join('  ');
}

/** `1 breaking, 2 review`; `no difference`. */
function contractTally({ contract }: RolloutStatus): string {
  const classes: readonly ContractClass[] = ['breaking', 'review', 'compatible'];
  const counted = classes
    .map((name) => [name, contract?.differences.filter((difference) => difference.class === name).length ?? 0] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
  return counted.length === 0 ? 'no difference' : `${counted.join(', ')}${contract!.more > 0 ? `, and ${contract!.more} more` : ''}`;
}
