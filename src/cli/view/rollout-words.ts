/** The single facts of a Rollout in words, as tables, lines and pictures share them. Pure. */
import { formatDuration } from '../../base/duration.ts';
import type { RolloutStatus, ServiceResource, TrafficStatus } from '../../model/resource.ts';
import { oneLine } from './table.ts';

/** `10%`; a share that is no whole number keeps one digit. */
export function shareText(percent: number): string {
  return `${Number(percent.toFixed(1))}%`;
}

/** ` (return)`, where a Rollout does not go by its strategy; else nothing. */
export function directText({ direct }: Pick<RolloutStatus, 'direct'>): string {
  return direct === null ? '' : ` (${direct})`;
}

/** `3/5 pause 1m` of a canary, `2 replaced` of a rolling one; empty where there are no steps, and before the first. */
export function stepCell({ steps, step, strategy, direct, phase }: RolloutStatus): string {
  if (step === null || phase === 'Proving') return '';
  if (strategy === 'rolling' && direct === null) return `${step} replaced`;
  if (steps.length === 0) return '';
  return step >= steps.length ? `${steps.length}/${steps.length} done` : `${step + 1}/${steps.length} ${steps[step]}`;
}

/** `step 3/5 pause 1m`, `2 replaced`; empty where there are no steps. */
export function stepText(rollout: RolloutStatus): string {
  const cell = stepCell(rollout);
  return cell === '' || rollout.steps.length === 0 ? cell : `step ${cell}`;
}

/** `the pause to end, 42s more`. Empty when it is over. */
export function waitText({ running, paused, waitsFor, stepEndsAt }: RolloutStatus, now: number): string {
  if (!running) return '';
  if (paused !== null) return `${waitsFor} ${formatDuration(Math.max(0, now - Date.parse(paused.since)))} ago`;
  const left = stepEndsAt === null ? 0 : Date.parse(stepEndsAt) - now;
  return left > 0 ? `${waitsFor}, ${formatDuration(left)} more` : waitsFor;
}

/** `5.2%` of 412 calls; `-` where there were none. */
export function errorText({ calls, errors }: TrafficStatus): string {
  return calls === 0 ? '-' : shareText((100 * errors) / calls);
}

/** `17ms`, below ten with a digit more: `1.5ms`; `-` where there was no call. */
export function latencyText({ p95Ms }: TrafficStatus): string {
  if (p95Ms === null) return '-';
  return p95Ms < 10 ? `${Number(p95Ms.toFixed(1))}ms` : formatDuration(p95Ms);
}

/** A message with its reason before it, unless it names the reason itself. */
export function reasoned(reason: string, message: string): string {
  const said = message.split('\n').map(oneLine).join('\n');
  if (reason === '' || message === '') return reason + said;
  return message.includes(`${reason}:`) ? said : `${reason}: ${said}`;
}

/**
 * How a service stands that the last of its Rollouts does not tell of: what is declared by now was taken back before, is held back,
 * or serves already. null while one is under way, and where it tells.
 */
export function standsText({ status }: ServiceResource): string | null {
  const last = status.history[0];
  const synced = status.conditions.find(({ type }) => type === 'Synced');
  if (status.rollout !== null || last === undefined || synced === undefined) return null;
  const told =
    synced.status === 'True' ? last.phase === 'Promoted' : synced.reason === 'Rejected' && synced.message.startsWith(`${last.target} `);
  return told ? null : oneLine(synced.message);
}
