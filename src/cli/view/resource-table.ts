/** The columns of each kind that `get` lists. Pure: resources in, columns out; `now` in ms for ages. */
import { formatDuration } from '../../base/duration.ts';
import type {
  AnyResource,
  EventResource,
  InstanceResource,
  ResourceKind,
  RevisionResource,
  RolloutResource,
  ServiceResource,
  SourceResource,
  ToolResource,
} from '../../model/resource.ts';
import { paintWord, type Paint } from './paint.ts';
import { shorten, type Column } from './table.ts';

const word = (text: string, paint: Paint): string => paintWord(paint, text);
const or = (text: string | null | undefined): string => (text === null || text === undefined || text === '' ? '-' : text);

/** How long ago an instant was: `4m2s`; `-` when there is none. */
export function age(at: string | null, now: number): string {
  return at === null ? '-' : formatDuration(Math.max(0, now - Date.parse(at)));
}
const ageColumn = <Row>(header: string, at: (row: Row) => string | null, now: number): Column<Row> => ({
  header,
  cell: (row) => age(at(row), now),
  order: (row) => now - Date.parse(at(row) ?? '1970-01-01T00:00:00Z'),
});

const services = (now: number): Column<ServiceResource>[] => [
  { header: 'NAME', cell: ({ metadata }) => metadata.name },
  { header: 'STATE', cell: ({ status }) => status.state + (status.suspended ? ' (suspended)' : ''), tint: word },
  { header: 'HEALTH', cell: ({ status }) => status.health, tint: word },
  { header: 'READY', cell: ({ status }) => `${status.readyInstances}/${status.replicas}` },
  { header: 'TOOLS', cell: ({ status }) => String(status.tools), order: ({ status }) => status.tools },
  { header: 'REVISION', cell: ({ status }) => or(status.stable) },
  { header: 'TARGET', cell: ({ status }) => or(status.target), wide: true },
  { header: 'TYPE', cell: ({ status }) => or(status.type), wide: true },
  { header: 'TRANSPORT', cell: ({ status }) => or(status.transport), wide: true },
  { header: 'CALLS', cell: ({ status }) => String(status.calls), order: ({ status }) => status.calls, wide: true },
  { header: 'ERRORS', cell: ({ status }) => String(status.errors), order: ({ status }) => status.errors, wide: true },
  { header: 'SYNCED', cell: (service) => syncedWord(service), tint: word, wide: true },
  { header: 'FILE', cell: ({ status }) => or(status.file), wide: true },
  ageColumn('AGE', ({ metadata }) => metadata.createdAt, now),
];

function syncedWord({ status }: ServiceResource): string {
  const synced = status.conditions.find(({ type }) => type === 'Synced');
  return synced === undefined ? '-' : synced.status === 'True' ? 'True' : `${synced.status}/${synced.reason}`;
}

const rollouts = (now: number): Column<RolloutResource>[] => [
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'NUMBER', cell: ({ status }) => String(status.number), order: ({ status }) => status.number },
  { header: 'PHASE', cell: ({ status }) => status.phase, tint: word },
  { header: 'STABLE', cell: ({ status }) => or(status.stable) },
  { header: 'TARGET', cell: ({ status }) => status.target },
  { header: 'STRATEGY', cell: ({ status }) => status.strategy, wide: true },
  {
    header: 'TOOK',
    cell: ({ status }) =>
      formatDuration(Math.max(0, (status.endedAt === null ? now : Date.parse(status.endedAt)) - Date.parse(status.startedAt))),
    wide: true,
  },
  ageColumn('AGE', ({ status }) => status.startedAt, now),
  { header: 'REASON', cell: ({ status }) => or(status.reason) },
  { header: 'MESSAGE', cell: ({ status }) => or(status.message), wide: true },
];

const revisions = (now: number): Column<RevisionResource>[] => [
  { header: 'NAME', cell: ({ status }) => status.name },
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'ROLE', cell: ({ status }) => status.role },
  { header: 'WEIGHT', cell: ({ status }) => `${status.weight}%`, order: ({ status }) => status.weight },
  { header: 'REASON', cell: ({ status }) => or(status.reason) },
  { header: 'HASH', cell: ({ status }) => status.hash, wide: true },
  { header: 'MESSAGE', cell: ({ status }) => or(status.message), wide: true },
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
  { header: 'END', cell: ({ status }) => or(status.end?.code), wide: true },
];

const tools = (): Column<ToolResource>[] => [
  { header: 'TOOL', cell: ({ spec }) => spec.exposedAs },
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'AT /mcp', cell: ({ spec }) => spec.aggregatedAs, wide: true },
  { header: 'DESCRIPTION', cell: ({ spec }) => shorten(or(spec.description ?? spec.title), 90) },
];

const events = (now: number): Column<EventResource>[] => [
  { ...ageColumn('AGE', ({ spec }: EventResource) => spec.at, now), order: ({ spec }) => -spec.seq },
  { header: 'SEQ', cell: ({ spec }) => String(spec.seq), order: ({ spec }) => spec.seq, wide: true },
  { header: 'TYPE', cell: ({ spec }) => spec.type, tint: word },
  { header: 'SERVICE', cell: ({ metadata }) => or(metadata.service) },
  { header: 'REASON', cell: ({ spec }) => spec.reason },
  { header: 'REVISION', cell: ({ spec }) => or(spec.revision), wide: true },
  { header: 'ACTOR', cell: ({ spec }) => spec.actor, wide: true },
  { header: 'MESSAGE', cell: ({ spec }) => spec.message },
];

const sources = (now: number): Column<SourceResource>[] => [
  { header: 'NAME', cell: ({ metadata }) => metadata.name },
  { header: 'KIND', cell: ({ spec }) => spec.kind },
  {
    header: 'STATE',
    cell: ({ status }) => sourceState(status),
    tint: (text, paint) => (text === 'Read' ? paint.good(text) : paint.warn(text)),
  },
  { header: 'SNAPSHOT', cell: ({ observedCommit }) => or(observedCommit.slice(0, 12)) },
  { header: 'MANIFESTS', cell: ({ status }) => String(status.manifests), order: ({ status }) => status.manifests },
  { header: 'ISSUES', cell: ({ status }) => String(status.issues.length), order: ({ status }) => status.issues.length },
  ageColumn('READ', ({ status }) => status.readAt, now),
  { header: 'LOCATION', cell: ({ spec }) => spec.location },
];

function sourceState(status: SourceResource['status']): string {
  if (status.failure !== null) return `Unreadable: ${status.failure}`;
  if (status.suspended) return 'Suspended';
  if (status.pruneHeld.length > 0) return `PruneHeld(${status.pruneHeld.length})`;
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
