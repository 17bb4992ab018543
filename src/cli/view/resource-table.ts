/** The columns of each kind that `get` lists. Pure: resources in, columns out; `now` in ms for ages. */
import { formatDuration } from '../../base/duration.ts';
import type {
  AnyResource,
  EventResource,
  InstanceResource,
  ResourceKind,
  RevisionResource,
  RolloutResource,
  RolloutStatus,
  ServiceResource,
  SourceResource,
  ToolResource,
} from '../../model/resource.ts';
import { paintWord, type Paint } from './paint.ts';
import { directText, shareText, stepCell } from './rollout-words.ts';
import { shorten } from './screen.ts';
import type { Column } from './table.ts';

/** As much of a commit, or of a folder's content hash, as tells it from others. */
export function shortCommit(id: string): string {
  return id.slice(0, 8);
}

const word = (text: string, paint: Paint): string => paintWord(paint, text);
const or = (text: string | null | undefined): string => (text === null || text === undefined || text === '' ? '-' : text);

/** How long ago an instant was: `4m2s`; `-` when there is none. */
export function age(at: string | null, now: number): string {
  return at === null ? '-' : formatDuration(Math.max(0, now - Date.parse(at)));
}
const ageColumn = <Row>(header: string, at: (row: Row) => string | null, now: number): Column<Row> => ({
  header,
  cell: (row) => age(at(row), now),
  passing: true,
  order: (row) => now - Date.parse(at(row) ?? '1970-01-01T00:00:00Z'),
});

const services = (now: number): Column<ServiceResource>[] => [
  { header: 'NAME', cell: ({ metadata }) => metadata.name },
  { header: 'STATE', cell: ({ status }) => status.state + (status.suspended ? ' (suspended)' : ''), tint: word },
  { header: 'HEALTH', cell: ({ status }) => status.health, tint: word },
  { header: 'READY', cell: ({ status }) => `${status.readyInstances}/${status.replicas}` },
  { header: 'TOOLS', cell: ({ status }) => String(status.tools), order: ({ status }) => status.tools },
  { header: 'REVISION', yields: 'name', cell: ({ status }) => or(status.stable) },
  { header: 'TARGET', yields: 'name', cell: ({ status }) => or(status.target), wide: true },
  { header: 'TYPE', cell: ({ status }) => or(status.type), wide: true },
  { header: 'TRANSPORT', cell: ({ status }) => or(status.transport), wide: true },
  { header: 'CALLS', cell: ({ status }) => String(status.calls), order: ({ status }) => status.calls, wide: true },
  { header: 'ERRORS', cell: ({ status }) => String(status.errors), order: ({ status }) => status.errors, wide: true },
  { header: 'SYNCED', cell: (service) => syncedWord(service), tint: word, wide: true },
  { header: 'COMMIT', cell: ({ observedCommit }) => or(shortCommit(observedCommit)), wide: true },
  { header: 'APPLIED', cell: ({ status }) => or(shortCommit(status.appliedCommit)), wide: true },
  { header: 'FILE', yields: 'text', cell: ({ status }) => or(status.file), wide: true },
  ageColumn('AGE', ({ metadata }) => metadata.createdAt, now),
];

function syncedWord({ status }: ServiceResource): string {
  const synced = status.conditions.find(({ type }) => type === 'Synced');
  return synced === undefined ? '-' : synced.status === 'True' ? 'True' : `${synced.status}/${synced.reason}`;
}

const rollouts = (now: number): Column<RolloutResource>[] => [
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'NUMBER', cell: ({ status }) => String(status.number), order: ({ status }) => status.number },
  { header: 'STRATEGY', yields: 'text', cell: ({ status }) => status.strategy + directText(status) },
  { header: 'PHASE', cell: ({ status }) => (status.paused === null ? status.phase : 'Paused'), tint: word },
  { header: 'STEP', yields: 'text', cell: ({ status }) => or(stepCell(status)) },
  weightColumn,
  { header: 'STABLE', yields: 'name', cell: ({ status }) => or(status.stable), wide: true },
  { header: 'TARGET', yields: 'name', cell: ({ status }) => status.target },
  { header: 'WAITS-FOR', yields: 'text', cell: ({ status }) => or(status.waitsFor) },
  { header: 'TOOK', cell: ({ status }) => took(status, now), passing: true, wide: true },
  ageColumn('AGE', ({ status }) => status.startedAt, now),
  { header: 'REASON', cell: ({ status }) => or(status.reason), wide: true },
  { header: 'MESSAGE', yields: 'text', cell: ({ status }) => or(status.message), wide: true },
];

/** The target's share of calls now; of a Rollout that is over the largest that it got. */
const weightColumn: Column<RolloutResource> = {
  header: 'WEIGHT',
  cell: ({ status }) => shareText(status.weights?.target ?? status.topWeight),
  order: ({ status }) => status.weights?.target ?? status.topWeight,
};

/** How long a Rollout took, or has taken so far. */
export function took({ startedAt, endedAt }: Pick<RolloutStatus, 'startedAt' | 'endedAt'>, now: number): string {
  return formatDuration(Math.max(0, (endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt)));
}

/** The Rollouts of one Service, for `rollout history`. */
export function historyColumns(now: number): Column<RolloutResource>[] {
  return [
    { header: 'NUMBER', cell: ({ status }) => String(status.number) },
    { header: 'STRATEGY', yields: 'text', cell: ({ status }) => status.strategy + directText(status) },
    { header: 'TARGET', yields: 'name', cell: ({ status }) => status.target },
    { header: 'COMMIT', cell: ({ status }) => or(shortCommit(status.snapshot)) },
    { header: 'RESULT', cell: ({ status }) => status.phase, tint: word },
    { header: 'REASON', yields: 'text', cell: ({ status }) => or(status.reason) },
    { header: 'STARTED', cell: ({ status }) => `${age(status.startedAt, now)} ago`, passing: true },
    { header: 'TOOK', cell: ({ status }) => took(status, now), passing: true },
    weightColumn,
    { header: 'STABLE', yields: 'name', cell: ({ status }) => or(status.stable), wide: true },
    { header: 'SUBJECT', yields: 'text', cell: ({ status }) => or(status.commit?.subject), wide: true },
    { header: 'MESSAGE', yields: 'text', cell: ({ status }) => or(status.message), wide: true },
  ];
}

const revisions = (now: number): Column<RevisionResource>[] => [
  { header: 'NAME', cell: ({ status }) => status.name },
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'ROLE', cell: ({ status }) => status.role },
  { header: 'WEIGHT', cell: ({ status }) => `${status.weight}%`, order: ({ status }) => status.weight },
  { header: 'REASON', cell: ({ status }) => or(status.reason) },
  { header: 'COMMIT', cell: ({ status }) => or(shortCommit(status.snapshot)) },
  { header: 'SUBJECT', yields: 'text', cell: ({ status }) => or(status.commit?.subject), wide: true },
  { header: 'AUTHOR', yields: 'text', cell: ({ status }) => or(status.commit?.author), wide: true },
  { header: 'HASH', cell: ({ status }) => status.hash, wide: true },
  { header: 'MESSAGE', yields: 'text', cell: ({ status }) => or(status.message), wide: true },
  { ...ageColumn('REJECTED', ({ status }: RevisionResource) => status.rejectedAt, now), wide: true },
];

const instances = (now: number): Column<InstanceResource>[] => [
  { header: 'NAME', cell: ({ status }) => status.name },
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  {
    header: 'PHASE',
    cell: ({ status }) => status.phase,
    tint: (text, paint) => (text === 'connected' ? paint.good(text) : text === 'ended' ? paint.bad(text) : text),
  },
  { header: 'HEALTH', cell: ({ status }) => status.health, tint: word },
  { header: 'ROLE', cell: ({ status }) => status.role },
  { header: 'DUTY', cell: ({ status }) => or(status.duty), wide: true },
  { header: 'PID', cell: ({ status }) => or(status.pid?.toString()), order: ({ status }) => status.pid ?? 0 },
  { header: 'PORT', cell: ({ status }) => or(status.port?.toString()), order: ({ status }) => status.port ?? 0, wide: true },
  { header: 'SESSIONS', cell: ({ status }) => String(status.sessions), order: ({ status }) => status.sessions, wide: true },
  { header: 'INFLIGHT', cell: ({ status }) => String(status.inFlight), order: ({ status }) => status.inFlight, wide: true },
  { header: 'RESTARTS', cell: ({ status }) => String(status.restarts), order: ({ status }) => status.restarts },
  ageColumn('AGE', ({ status }) => status.startedAt, now),
  { header: 'END', yields: 'text', cell: ({ status }) => or(status.end?.code), wide: true },
];

const tools = (): Column<ToolResource>[] => [
  { header: 'TOOL', cell: ({ spec }) => spec.exposedAs },
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'AT /mcp', cell: ({ spec }) => spec.aggregatedAs, wide: true },
  { header: 'DESCRIPTION', yields: 'text', cell: ({ spec }) => shorten(or(spec.description ?? spec.title), 90) },
];

const events = (now: number): Column<EventResource>[] => [
  { ...ageColumn('AGE', ({ spec }: EventResource) => spec.at, now), order: ({ spec }) => -spec.seq },
  { header: 'SEQ', cell: ({ spec }) => String(spec.seq), order: ({ spec }) => spec.seq, wide: true },
  { header: 'TYPE', cell: ({ spec }) => spec.type, tint: word },
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'REASON', cell: ({ spec }) => spec.reason },
  { header: 'REVISION', yields: 'name', cell: ({ spec }) => or(spec.revision), wide: true },
  { header: 'ACTOR', cell: ({ spec }) => spec.actor, wide: true },
  { header: 'MESSAGE', yields: 'text', cell: ({ spec }) => spec.message },
];

const sources = (now: number): Column<SourceResource>[] => [
  { header: 'NAME', cell: ({ metadata }) => metadata.name },
  { header: 'KIND', cell: ({ spec }) => spec.kind },
  {
    header: 'STATE',
    cell: ({ status }) => sourceState(status),
    tint: (text, paint) => (text === 'Read' ? paint.good(text) : paint.warn(text)),
  },
  { header: 'SNAPSHOT', cell: ({ observedCommit }) => or(shortCommit(observedCommit)) },
  { header: 'SUBJECT', yields: 'text', cell: ({ status }) => or(status.commit?.subject) },
  { header: 'AUTHOR', yields: 'text', cell: ({ status }) => or(status.commit?.author), wide: true },
  { header: 'SERVICES', cell: ({ status }) => String(status.services), order: ({ status }) => status.services },
  { header: 'ISSUES', cell: ({ status }) => String(status.issues.length), order: ({ status }) => status.issues.length },
  ageColumn('READ', ({ status }) => status.readAt, now),
  { header: 'LOCATION', yields: 'text', cell: ({ spec }) => spec.location },
  { header: 'MESSAGE', yields: 'text', cell: ({ status }) => or(status.failure) },
];

function sourceState(status: SourceResource['status']): string {
  if (status.failure !== null) return status.refused?.reason ?? 'Unreadable';
  if (status.suspended) return 'Suspended';
  if (status.drift !== null) return `FilesDrifted(${status.drift.total})`;
  if (status.pruneHeld.length > 0) return `PruneHeld(${status.pruneHeld.length})`;
  if (status.unmatchedPaths.length > 0) return `PathsUnmatched(${status.unmatchedPaths.length})`;
  return status.readAt === null ? 'Unread' : 'Read';
}

/** The columns of a kind; without `wide` only those that fit a narrow terminal. */
export function columnsOf(kind: ResourceKind, now: number, wide: boolean): Column<AnyResource>[] {
  const all = {
    Service: services(now),
    Rollout: rollouts(now),
    Revision: revisions(now),
    Instance: instances(now),
    Tool: tools(),
    Event: events(now),
    Source: sources(now),
  }[kind] as unknown as Column<AnyResource>[];
  return all.filter((column) => wide || column.wide !== true);
}
