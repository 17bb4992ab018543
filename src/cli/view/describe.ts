/** All there is to know of one service, for a person. Pure. */
import type { CommitStatus, EventResource, InstanceStatus, ServiceResource, ToolResource } from '../../model/resource.ts';
import { eventLine } from './event-line.ts';
import { issueText } from './issues.ts';
import { driftText } from './drift.ts';
import { paintWord, type Paint } from './paint.ts';
import { age } from './resource-table.ts';
import { rolloutPicture } from './rollout-picture.ts';
import { reasoned } from './rollout-words.ts';
import { fit, shorten, type Screen } from './screen.ts';
import { section, sectionIndent } from './section.ts';
import { oneLine, table } from './table.ts';

const toolsShown = 20;

export interface Described {
  readonly service: ServiceResource;
  readonly tools: readonly ToolResource[];
  readonly events: readonly EventResource[];
  readonly dependants: readonly string[];
}

export function describeText({ service, tools, events, dependants }: Described, now: number, screen: Screen): string {
  const { metadata, status, observedCommit } = service;
  const { paint, columns } = screen;
  const inner = { paint, columns: columns === null ? null : columns - sectionIndent };
  const [last] = status.history;
  const description = service.spec['description'];
  const facts: [string, string][] = [
    ['Name', paint.bold(metadata.name)],
    ['Description', typeof description === 'string' ? oneLine(description) : ''],
    [
      'State',
      `${paintWord(paint, status.state)} for ${age(status.stateSince, now)}${status.suspended ? paint.warn(' (suspended: changes of its manifest wait)') : ''}`,
    ],
    ['Health', paintWord(paint, status.health)],
    ['Ready', `${status.readyInstances} of ${status.replicas} instances`],
    ['Revision', status.stable ?? 'none yet'],
    [
      'Declared in',
      status.file === null
        ? ''
        : `${oneLine(status.file)} of source ${status.source ?? '-'}${status.commit === null ? `, snapshot ${observedCommit.slice(0, 12)}` : ''}`,
    ],
    ['Commit', status.commit === null ? '' : commitText(status.commit, now)],
    ['Runs commit', runningCommit(service, now)],
    ['Runs as', [status.type, status.transport].filter((word) => word !== null).join(' over ')],
    ['Contract', contractText(service)],
    ['Labels', pairs(metadata.labels)],
    ['Tags', status.tags.join(', ')],
    ['Depends on', status.dependsOn.join(', ')],
    ['Needed by', dependants.join(', ')],
    ['Calls', `${status.calls}, ${status.errors} of them errors, since the host started`],
  ];
  const sections = [
    facts
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${`${name}:`.padEnd(14)}${value}\n`)
      .join(''),
    section('Conditions', conditionsText(service, now, paint), paint),
    section('Drift', driftText(service, now, paint), paint),
    section('Instances', status.instances.map((instance) => instanceText(instance, now, paint)).join(''), paint),
    section('Rollout', status.rollout === null ? '' : rolloutPicture(service, status.rollout, now, inner), paint),
    section('Last rollout', last === undefined ? '' : rolloutPicture(service, last, now, inner), paint),
    section('Rollouts before', historyText(service, now, paint), paint),
    section('Kept for an instant return', keptText(service, now), paint),
    section('Rejected revisions', rejectionsText(service, now), paint),
    section(`Tools (${tools.length})`, toolsText(tools), paint),
    section('Issues of the manifest', status.issues.map((issue) => issueText(issue, paint, null)).join(''), paint),
    section('Events', events.map((event) => eventLine(event, { paint, columns: null }, 0)).join(''), paint),
  ];
  return fit(sections.filter((text) => text !== '').join('\n'), columns);
}

/** Which commit, what it is about, whose it is and how old. Texts are anybody's. */
function commitText({ id, subject, author, email, committedAt }: CommitStatus, now: number): string {
  const who = email === '' ? oneLine(author) : `${oneLine(author)} <${oneLine(email)}>`;
  return `${id.slice(0, 12)} “${oneLine(subject)}”, ${who}, ${age(committedAt, now)} ago`;
}

/** Where another commit runs than the one that is declared. */
function runningCommit({ status, observedCommit }: ServiceResource, now: number): string {
  const { commit, applied, appliedCommit } = status;
  if (appliedCommit === '' || appliedCommit === observedCommit || (commit === null && applied === null)) return '';
  return applied === null ? appliedCommit.slice(0, 12) : commitText(applied, now);
}

/** What it offers, and whether that is what was approved. */
function contractText({ status: { contract } }: ServiceResource): string {
  const [offered, locked] = [contract.offered, contract.locked].map((hash) => hash?.slice(0, 12));
  if (offered === undefined) return locked === undefined ? '' : `not known now; ${locked} is locked`;
  if (locked === undefined) return `${offered}, not locked`;
  return contract.offered === contract.locked ? `${offered}, as locked` : `${offered}, but ${locked} is locked`;
}

function conditionsText({ status }: ServiceResource, now: number, paint: Paint): string {
  if (status.conditions.length === 0) return '';
  return table(
    [
      { header: 'TYPE', cell: ({ type }) => type },
      { header: 'STATUS', cell: (condition) => condition.status },
      { header: 'REASON', cell: ({ reason }) => reason },
      { header: 'FOR', cell: ({ lastTransitionTime }) => age(lastTransitionTime, now) },
      { header: 'MESSAGE', cell: ({ message }) => message },
    ],
    status.conditions,
    // Messages are what conditions are read for: they go on below rather than being cut.
    { paint, columns: null },
  );
}

function instanceText(instance: InstanceStatus, now: number, paint: Paint): string {
  const { name, role, phase, health, pid, port, startedAt, sessions, inFlight, restarts, restartAt, checks, end } = instance;
  const facts = [
    role,
    phase,
    paintWord(paint, health),
    ...(pid === null ? [] : [`pid ${pid}`]),
    ...(port === null ? [] : [`port ${port}`]),
    ...(startedAt === null ? [] : [`up ${age(startedAt, now)}`]),
    ...(sessions > 0 ? [`${sessions} sessions`] : []),
    ...(inFlight > 0 ? [`${inFlight} calls under way`] : []),
    ...(restarts > 0 ? [paint.warn(`${restarts} failures in a row`)] : []),
    ...(restartAt === null ? [] : [`starts again ${untilText(restartAt, now)}`]),
  ];
  const lines = [`${paint.bold(name)}  ${facts.join('  ')}`];
  for (const check of checks) {
    const tone = check.outcome === 'pass' ? paint.good : check.outcome === 'pending' ? paint.dim : paint.bad;
    const latency = check.latencyMs === null ? '' : ` in ${Math.round(check.latencyMs)}ms`;
    lines.push(
      `  check ${check.name} (${check.type}): ${tone(check.outcome)}${latency}${check.message === '' ? '' : `, ${oneLine(check.message)}`}`,
    );
  }
  if (end !== null) {
    lines.push(`  ended: ${paint.bad(end.code)}: ${oneLine(end.message)}`);
    for (const line of end.stderrTail.trimEnd().split('\n').filter(Boolean).slice(-8)) lines.push(paint.dim(`    | ${oneLine(line)}`));
  }
  return `${lines.join('\n')}\n`;
}

function untilText(at: string, now: number): string {
  const left = Date.parse(at) - now;
  return left <= 0 ? 'now' : `in ${age(new Date(now - left).toISOString(), now)}`;
}

function keptText({ status }: ServiceResource, now: number): string {
  return status.revisions
    .filter(({ keptUntil }) => keptUntil !== null)
    .map(({ name, keptUntil }) => `${name}  stops ${untilText(keptUntil!, now)}\n`)
    .join('');
}

function historyText({ status }: ServiceResource, now: number, paint: Paint): string {
  return status.history
    .slice(1, 6)
    .map(
      ({ number, phase, target, reason, endedAt }) =>
        `${number}  ${paintWord(paint, phase)}  ${target}  ${reason}  ${age(endedAt, now)} ago\n`,
    )
    .join('');
}

function rejectionsText({ status }: ServiceResource, now: number): string {
  return status.revisions
    .filter(({ rejectedAt }) => rejectedAt !== null)
    .map(({ name, reason, message, rejectedAt }) => `${name}  ${age(rejectedAt, now)} ago  ${oneLine(reasoned(reason, message))}\n`)
    .join('');
}

function toolsText(tools: readonly ToolResource[]): string {
  const lines = tools
    .slice(0, toolsShown)
    .map(({ spec }) => `${spec.exposedAs}  ${shorten(oneLine(spec.description ?? spec.title ?? ''), 80)}`.trimEnd());
  return [...lines, ...(tools.length > toolsShown ? [`… and ${tools.length - toolsShown} more: fairlead get tools`] : [])]
    .map((line) => `${line}\n`)
    .join('');
}

function pairs(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}
