/**
 * A Rollout whole: how it stands and what it waits for, or why it ended as it did. On a terminal a picture (the way with the
 * present step marked, bars of weight), in a pipe the same facts in words. Pure.
 */
import type { InstanceStatus, RolloutStatus, ServiceResource, TrafficStatus } from '../../model/resource.ts';
import { formatDuration } from '../../base/duration.ts';
import { contractLines } from './contract.ts';
import { measurementLines, shadowLines } from './measurement.ts';
import { paintWord } from './paint.ts';
import { took } from './resource-table.ts';
import { directText, errorText, latencyText, reasoned, shareText, standsText, stepText, waitText } from './rollout-words.ts';
import { fit, type Screen } from './screen.ts';
import { stageRow, stagesOf } from './stages.ts';
import { table, type Column } from './table.ts';

const barWidth = 10;
/** In a table narrower than this bars would be cut, and in one narrower still, what calls came to would not fit on one line. */
const roomForBars = 72;
const roomForCalls = 54;
/** Where the facts begin that stand under the table. */
const indent = 2;
const labelWidth = 11;

/** The Rollout under way, or how the last one ended; empty when there never was one. */
export function rolloutText(service: ServiceResource, now: number, screen: Screen): string {
  const rollout = service.status.rollout ?? service.status.history[0];
  return rollout === undefined ? '' : rolloutPicture(service, rollout, now, screen) + standsLine(service, screen);
}

/** The fact below its picture that the last Rollout does not tell; empty where it does. */
export function standsLine(service: ServiceResource, { columns }: Screen): string {
  const stands = standsText(service);
  return stands === null ? '' : factText('now', [stands], columns);
}

/** One Rollout of a service, under way or over. */
export function rolloutPicture(service: ServiceResource, rollout: RolloutStatus, now: number, screen: Screen): string {
  const { paint, columns } = screen;
  const { name } = service.metadata;
  const state = rollout.paused === null ? paintWord(paint, rollout.phase) : paint.warn('Paused');
  const head = `${paint.bold(name)}  rollout ${rollout.number}  ${rollout.strategy}${directText(rollout)}  ${state}  ${took(rollout, now)}`;
  const text = `${head}\n${wayText(rollout, screen)}${revisionsText(service, rollout, screen)}${factsText(rollout, now, screen)}`;
  return fit(text, columns);
}

function wayText(rollout: RolloutStatus, { paint, columns }: Screen): string {
  if (!rollout.running) return '';
  const step = stepText(rollout);
  if (columns === null) return step === '' ? '' : `  ${step}\n`;
  return `  ${stageRow(stagesOf(rollout), rollout.paused !== null, paint)}\n`;
}

interface Side {
  readonly role: 'stable' | 'target';
  readonly name: string;
  readonly weight: number;
  readonly traffic: TrafficStatus | null;
  readonly instances: readonly InstanceStatus[];
}

function revisionsText(service: ServiceResource, rollout: RolloutStatus, screen: Screen): string {
  const { status } = service;
  const side = (role: 'stable' | 'target', name: string): Side => ({
    role,
    name,
    weight: rollout.weights?.[role] ?? status.revisions.find((revision) => revision.name === name)?.weight ?? 0,
    traffic: rollout.traffic?.[role] ?? null,
    instances: status.instances.filter((instance) => instance.revision === name),
  });
  const sides = [...(rollout.stable === null ? [] : [side('stable', rollout.stable)]), side('target', rollout.target)];
  const narrowed = { ...screen, columns: screen.columns === null ? null : screen.columns - indent };
  const since =
    rollout.traffic === null ? '' : `calls since ${rollout.traffic.since === null ? 'the host started' : 'the target got its first'}`;
  const below = since === '' ? '' : `${screen.paint.dim(since)}\n`;
  return indented(table(sideColumns(rollout.running, screen), sides, narrowed) + below);
}

function sideColumns(running: boolean, { columns }: Screen): Column<Side>[] {
  const bar = ({ weight }: Side): string => {
    const filled = Math.round((weight / 100) * barWidth);
    return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${shareText(weight)}`;
  };
  const always: Column<Side>[] = [
    { header: '', cell: ({ role }) => role },
    { header: 'REVISION', cell: ({ name }) => name, yields: 'name' },
    { header: 'READY', cell: readyText },
    { header: 'WEIGHT', cell: columns === null || columns < roomForBars ? ({ weight }) => shareText(weight) : bar },
  ];
  if (!running || (columns !== null && columns < roomForCalls)) return always;
  return [
    ...always,
    { header: 'CALLS', cell: ({ traffic }) => String(traffic?.calls ?? 0) },
    { header: 'ERRORS', cell: ({ traffic }) => (traffic === null ? '-' : errorText(traffic)) },
    { header: 'P95', cell: ({ traffic }) => (traffic === null ? '-' : latencyText(traffic)) },
  ];
}

/** Instances that serve and pass their start checks, of those that should; and how many are on their way out. */
function readyText({ instances }: Side): string {
  if (instances.length === 0) return '-';
  const serving = instances.filter(({ duty }) => duty === 'serve');
  const ready = serving.filter(({ phase, health }) => phase === 'connected' && (health === 'HEALTHY' || health === 'DEGRADED'));
  const leaving = instances.length - serving.length;
  return `${ready.length}/${serving.length}${leaving > 0 ? ` (${leaving} leaving)` : ''}`;
}

function factsText(rollout: RolloutStatus, now: number, { paint, columns }: Screen): string {
  const { running, reason, message, failures, deadline, contract, measurements, analysis, shadow, topWeight, promoted } = rollout;
  const failed = failures === 0 ? [] : [`${failures} failed attempt${failures > 1 ? 's' : ''}, the latest: ${reasoned(reason, message)}`];
  const facts: [string, readonly string[]][] = running
    ? [
        ['waits for', [waitText(rollout, now)]],
        ['promoted', promoted === null ? [] : [promoted === 'full' ? 'past all steps' : 'past this step']],
        ['deadline', deadline === null ? [] : [deadlineText(deadline, now)]],
        ['failures', failed],
      ]
    : [
        ['why', [reasoned(reason, message)]],
        ['calls', topWeight === 100 ? [] : [reachedText(topWeight, shadow !== null)]],
      ];
  facts.push(
    ['contract', contract === null ? [] : contract.class === null ? ['no difference'] : contractLines(contract, paint)],
    ['measured', measurements[0] === undefined ? [] : measurementLines(measurements[0], now, paint)],
    ['analysis', analysis === null ? [] : [analysisText(analysis, now)]],
    ['shadow', shadow === null ? [] : shadowLines(shadow, paint)],
  );
  return facts.map(([label, lines]) => factText(label, lines, columns)).join('');
}

/** Mirrored calls are made for real, though no client is answered by them. */
function reachedText(topWeight: number, mirrored: boolean): string {
  if (topWeight > 0) return `it got ${shareText(topWeight)} of them at most`;
  return mirrored ? 'none but mirrored ones reached it' : 'none reached it';
}

function deadlineText(deadline: string, now: number): string {
  const left = Date.parse(deadline) - now;
  return left > 0 ? `fails in ${formatDuration(left)} unless it is promoted by then` : 'has passed';
}

function analysisText({ failures, failureLimit, nextAt }: NonNullable<RolloutStatus['analysis']>, now: number): string {
  const left = Math.max(0, Date.parse(nextAt) - now);
  const count =
    failureLimit === 0 ? 'no failed measurement is put up with' : `${failures} of ${failureLimit} failed measurements that are put up with`;
  return `${count}; the next in ${formatDuration(left)}`;
}

/** `  label      first line`, further lines under the first. */
function factText(label: string, lines: readonly string[], columns: number | null): string {
  const inner = columns === null ? null : columns - indent - labelWidth;
  const told = lines.flatMap((line) => fit(line, inner).split('\n')).filter((line) => line !== '');
  return told.map((line, index) => `${' '.repeat(indent)}${(index === 0 ? label : '').padEnd(labelWidth)}${line}\n`).join('');
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(indent));
}
