/** A Rollout as a picture (bars of weight) or as the same facts in words. Pure. */
import { formatDuration } from '../../base/duration.ts';
import type { InstanceStatus, RevisionStatus, RolloutStatus, ServiceResource } from '../../model/resource.ts';
import { paintWord, type Paint } from './paint.ts';
import { oneLine } from './table.ts';

const barWidth = 20;

/** The Rollout under way, or how the last one ended; empty when there never was one. `picture`: for a terminal. */
export function rolloutText(service: ServiceResource, now: number, paint: Paint, picture: boolean): string {
  const { status, metadata } = service;
  const rollout = status.rollout ?? status.history[0];
  if (rollout === undefined) return '';
  const lines = [
    `${paint.bold(metadata.name)}  rollout ${rollout.number}  ${rollout.strategy}  ${paintWord(paint, rollout.phase)}  ${tookText(rollout, now)}${rollout.failures > 0 ? `  ${rollout.failures} failed attempts` : ''}`,
  ];
  const shown = [rollout.stable, rollout.target].filter((name) => name !== null);
  for (const name of shown) lines.push(revisionLine(name, name === rollout.target ? 'target' : 'stable', status, paint, picture));
  if (rollout.message !== '')
    lines.push(
      `  ${rollout.running ? 'latest' : 'why'}: ${reasoned(rollout.reason, rollout.message.split('\n').map(oneLine).join('\n    '))}`,
    );
  return `${lines.join('\n')}\n`;
}

/** A message with its reason before it, unless it names the reason itself. */
export function reasoned(reason: string, message: string): string {
  return reason === '' || message.includes(`${reason}:`) ? message : `${reason}: ${message}`;
}

function tookText(rollout: RolloutStatus, now: number): string {
  const ended = rollout.endedAt === null ? now : Date.parse(rollout.endedAt);
  return formatDuration(Math.max(0, ended - Date.parse(rollout.startedAt)));
}

function revisionLine(name: string, role: string, status: ServiceResource['status'], paint: Paint, picture: boolean): string {
  const revision: RevisionStatus | undefined = status.revisions.find((candidate) => candidate.name === name);
  const weight = Math.round(revision?.weight ?? 0);
  const instances = status.instances.filter((instance) => instance.revision === name);
  const filled = Math.round((weight / 100) * barWidth);
  const bar = picture
    ? `${paint.good('█'.repeat(filled))}${paint.dim('░'.repeat(barWidth - filled))} ${String(weight).padStart(3)}%`
    : `weight ${weight}%`;
  return `  ${role}  ${name}  ${bar}  ${instancesText(instances)}`.trimEnd();
}

/** `1 connected HEALTHY, 1 starting` */
function instancesText(instances: readonly InstanceStatus[]): string {
  const counts = new Map<string, number>();
  for (const { phase, health, duty } of instances) {
    const words = [phase, ...(health === 'UNKNOWN' ? [] : [health]), ...(duty === 'retire' || duty === 'drain' ? [`(${duty})`] : [])].join(
      ' ',
    );
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return counts.size === 0 ? 'no instance' : [...counts].map(([words, count]) => `${count} ${words}`).join(', ');
}
