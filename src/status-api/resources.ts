/** From the ReadModel's views to resources. Pure: nothing is fetched here, and nothing of a run's environment or headers is shown. */
import { instanceHealth } from '../core/health.ts';
import { serviceOf } from '../core/pass.ts';
import type { Condition } from '../model/condition.ts';
import type { Contract, ContractTool } from '../model/contract.ts';
import { filesInWords, type FilesDrift } from '../model/drift.ts';
import type { Event } from '../model/event.ts';
import type { ObservedInstance } from '../model/observation.ts';
import type { InstanceRecord, ServiceRecord } from '../model/record.ts';
import {
  apiVersion,
  type AnyResource,
  type EventResource,
  type InstanceResource,
  type InstanceStatus,
  type Metadata,
  type Resource,
  type ResourceCondition,
  type ResourceKind,
  type RevisionResource,
  type RevisionStatus,
  type RolloutResource,
  type ServiceResource,
  type SourceResource,
  type ToolResource,
} from '../model/resource.ts';
import type { Revision, RunSpec } from '../model/revision.ts';
import type { ServiceView, SourceView } from '../ports/read-model.ts';
import { commitStatus, endedRollouts, errorsOf, knownRevisions, revisionName, runningRollout } from './rollouts.ts';

/** How clients see a tool: its name at the service's own endpoint and at /mcp; null when its manifest hides it from them. */
export type ToolNames = (
  service: NonNullable<ServiceRecord['desired']>,
  tool: string,
) => { exposedAs: string; aggregatedAs: string } | null;

const driftedFilesShown = 20;

const instant = (at: number): string => new Date(at).toISOString();
const instantOrNull = (at: number | null): string | null => (at === null ? null : instant(at));

/** The Contract hash that speaks for a Service: that of an Instance of its stable Revision. */
export function contractOf({ record, observation }: ServiceView): string | null {
  const instances = observation?.instances ?? [];
  const speaks = (instance: ObservedInstance): boolean =>
    instance.contract !== null && instance.phase === 'connected' && instance.revision === record.stable?.hash;
  return instances.find(speaks)?.contract ?? null;
}

/** `tools`: how many of its tools clients see. */
export function serviceResource(view: ServiceView, tools: number): ServiceResource {
  const { record, issues } = view;
  const desired = record.desired;
  const instances = instanceStatuses(view);
  const traffic = Object.values(view.observation?.traffic ?? {});
  return resource('Service', record.service, record, view.spec ?? {}, {
    state: record.state,
    stateSince: instant(record.stateSince),
    health: record.health,
    type: desired?.type ?? null,
    transport: desired?.revision.run.transport ?? null,
    tags: desired?.tags ?? [],
    suspended: record.suspended,
    replicas: desired?.state === 'Active' ? desired.replicas : 0,
    readyInstances: record.instances.filter(
      ({ duty, provenAt, revision }) => duty === 'serve' && provenAt !== null && revision === record.stable?.hash,
    ).length,
    stable: record.stable?.name ?? null,
    target: record.target?.name ?? null,
    tools,
    calls: traffic.reduce((sum, { calls }) => sum + calls, 0),
    errors: traffic.reduce((sum, counters) => sum + errorsOf(counters), 0),
    rollout: runningRollout(view),
    history: endedRollouts(view),
    contract: { offered: contractOf(view), locked: desired?.lock?.contract ?? null },
    drift: record.drift,
    drifts: record.drifts
      .filter(({ shown }) => shown)
      .map(({ kind, message, diff, since }) => ({ kind, message, diff, since: instant(since) })),
    quarantine: record.quarantine,
    revisions: revisionStatuses(view),
    instances,
    dependsOn: desired?.dependsOn.map(({ service }) => service) ?? [],
    issues,
    source: desired?.origin.source ?? null,
    file: desired?.origin.file ?? null,
    commit: commitStatus(view.commits.get(record.observedSnapshot)),
    appliedCommit: record.appliedSnapshot,
    applied: commitStatus(view.commits.get(record.appliedSnapshot)),
  });
}

/** The Rollout under way first, then how those before it ended, newest first. */
export function rolloutResources(view: ServiceView): RolloutResource[] {
  const { record } = view;
  const running = runningRollout(view);
  return [...(running === null ? [] : [running]), ...endedRollouts(view)].map((status) => {
    const spec = { strategy: status.strategy, target: status.target };
    const rollout = resource('Rollout', `${record.service}-${status.number}`, record, spec, status);
    return { ...rollout, metadata: { ...rollout.metadata, createdAt: status.startedAt } };
  });
}

export function revisionResources(view: ServiceView): RevisionResource[] {
  const { record } = view;
  const runs = new Map(knownRevisions(record).map(({ hash, run }) => [hash, run]));
  return revisionStatuses(view).map((status) => {
    const run = runs.get(status.hash);
    return resource('Revision', status.name, record, run === undefined ? {} : withoutValues(run), status);
  });
}

export function instanceResources(view: ServiceView): InstanceResource[] {
  return instanceStatuses(view).map((status) =>
    resource('Instance', status.name, view.record, { revision: status.revision, duty: status.duty }, status),
  );
}

export function toolResources({ record }: ServiceView, contract: Contract | null, names: ToolNames): ToolResource[] {
  const desired = record.desired;
  if (desired === null || contract === null) return [];
  const callable = record.state === 'Active' || record.state === 'Updating';
  return contract.tools.flatMap((tool) => {
    const seen = record.quarantine.includes(tool.name) ? null : names(desired, tool.name);
    return seen === null ? [] : [resource('Tool', seen.exposedAs, record, { tool: tool.name, ...seen, ...described(tool) }, { callable })];
  });
}

function described(tool: ContractTool) {
  return {
    title: tool.title ?? null,
    description: tool.description ?? null,
    inputSchema: tool.inputSchema,
    outputSchema: tool.outputSchema ?? null,
    annotations: tool.annotations ?? null,
  };
}

export function eventResource(event: Event): EventResource {
  const { seq, type, reason, message, at, revision, actor } = event;
  return {
    apiVersion,
    kind: 'Event',
    metadata: plainMetadata(String(seq), event.service, at),
    spec: { seq, type, reason, message, at: instant(at), revision, actor },
    status: { stored: true, conditions: [] },
    observedCommit: event.snapshot ?? '',
  };
}

export function sourceResource(source: SourceView): SourceResource {
  const { name, kind, location, readAt, suspended, failure, refused, driftPolicy, drift, pruneHeld, services, issues, unmatchedPaths } =
    source;
  const condition = (type: ResourceCondition['type'], status: boolean | null, reason: string, message: string): ResourceCondition => ({
    type,
    status: status === null ? 'Unknown' : status ? 'True' : 'False',
    reason,
    message,
    observedGeneration: 0,
    lastTransitionTime: null,
  });
  const pathsCondition = (): ResourceCondition =>
    unmatchedPaths.length === 0
      ? condition('PathsMatched', true, 'AllMatched', 'Its commit has something at each of its paths.')
      : condition('PathsMatched', false, 'PathsUnmatched', unmatchedPaths.map(({ message }) => message).join(' '));
  return {
    apiVersion,
    kind: 'Source',
    metadata: plainMetadata(name, null, null),
    spec: { kind, location },
    status: {
      readAt: instantOrNull(readAt),
      suspended,
      failure,
      commit: commitStatus(source.commit),
      driftPolicy,
      drift: driftStatus(drift),
      refused: refused === null ? null : { commit: refused.snapshot ?? '', reason: refused.reason, message: refused.message },
      unmatchedPaths,
      pruneHeld,
      services,
      issues,
      conditions: [
        failure !== null
          ? condition('Readable', false, refused?.reason ?? 'Unreadable', failure)
          : readAt === null
            ? condition('Readable', null, 'NotReadYet', 'It has not been read yet.')
            : condition('Readable', true, 'Read', 'Its latest snapshot has been read.'),
        pruneHeld.length > 0
          ? condition('PruneHeld', true, 'TooManyDeletions', `Not deleted until somebody confirms: ${pruneHeld.join(', ')}.`)
          : condition('PruneHeld', false, 'NothingHeld', 'No deletion is held back.'),
        ...(kind === 'folder' || readAt === null ? [] : [pathsCondition()]),
        drift === null
          ? condition('Drifted', false, 'AsLaidOut', 'Its files are as it laid them out.')
          : condition('Drifted', true, 'FilesDrifted', driftWords(drift)),
      ],
    },
    observedCommit: source.snapshot ?? '',
  };
}

function driftWords({ files, problem }: FilesDrift): string {
  return `Changed by hand, and ${problem === null ? 'left as they are' : `not put back, since ${problem}`}: ${filesInWords(files)}.`;
}

function driftStatus(drift: FilesDrift | null): SourceResource['status']['drift'] {
  if (drift === null) return null;
  const { since, problem, files } = drift;
  const named = files.slice(0, driftedFilesShown).map(({ path, change }) => ({ path, change }));
  return { since: instant(since), problem, files: named, total: files.length, diff: files.map(({ diff }) => diff).join('') };
}

export function instanceStatuses(view: ServiceView): InstanceStatus[] {
  const { record, observation } = view;
  const seen = new Map((observation?.instances ?? []).map((instance) => [instance.id, instance]));
  const planned = record.instances.map((instance) => instanceStatus(record, instance, seen.get(instance.id)));
  const known = new Set(record.instances.map(({ id }) => id));
  const others = (observation?.instances ?? [])
    .filter(({ id }) => !known.has(id))
    .map((instance) => instanceStatus(record, null, instance));
  return [...planned, ...others];
}

function instanceStatus(record: ServiceRecord, planned: InstanceRecord | null, seen: ObservedInstance | undefined): InstanceStatus {
  const hash = planned?.revision ?? seen!.revision;
  const restart = record.restarts.find(({ revision, ordinal }) => revision === hash && ordinal === planned?.ordinal);
  const judged = planned !== null && record.desired !== null;
  return {
    name: planned?.id ?? seen!.id,
    revision: revisionName(record, hash),
    role: hash === record.stable?.hash ? 'stable' : hash === record.target?.hash ? 'target' : 'other',
    duty: planned?.duty ?? null,
    phase: seen?.phase ?? 'planned',
    health: judged ? instanceHealth(planned, seen, serviceOf(record, planned.revision).health) : 'UNKNOWN',
    pid: seen?.pid ?? null,
    port: seen?.port ?? null,
    startedAt: instantOrNull(seen?.startedAt ?? null),
    connectedAt: instantOrNull(seen?.connectedAt ?? null),
    sessions: seen?.sessions ?? 0,
    inFlight: seen?.inFlight ?? 0,
    checks: (seen?.checks ?? []).map((check) => ({ ...check, at: instant(check.at) })),
    end: seen?.end ? { ...seen.end, at: instant(seen.end.at) } : null,
    restarts: restart?.failuresInARow ?? 0,
    restartAt: seen === undefined ? instantOrNull(restart?.notBefore ?? null) : null,
  };
}

function revisionStatuses({ record, commits }: ServiceView): RevisionStatus[] {
  const weights = record.route?.weights ?? {};
  const { kept } = record;
  const rows = new Map<string, RevisionStatus>();
  const add = (revision: Pick<Revision, 'name' | 'hash'>, role: RevisionStatus['role']): void => {
    const rejection = record.rejections.find((candidate) => candidate.revision === revision.hash);
    if (rows.has(revision.hash)) return;
    const snapshot = snapshotOf(record, revision.hash);
    rows.set(revision.hash, {
      name: revision.name,
      hash: revision.hash,
      role,
      weight: weights[revision.hash] ?? 0,
      reason: rejection?.reason ?? '',
      message: rejection?.message ?? '',
      rejectedAt: instantOrNull(rejection?.at ?? null),
      snapshot,
      commit: commitStatus(commits.get(snapshot)),
      keptUntil: instantOrNull(kept?.revision.hash === revision.hash ? kept.until : null),
    });
  };
  if (record.stable !== null) add(record.stable, 'stable');
  if (record.target !== null && record.rollout !== null) add(record.target, 'target');
  if (kept !== null) add(kept.revision, 'promoted');
  for (const { revision } of record.promoted) add(revision, 'promoted');
  for (const { name, revision } of record.rejections) add({ name, hash: revision }, 'rejected');
  return [...rows.values()];
}

/** The Snapshot that a Revision came with; empty when it is no longer known. */
function snapshotOf({ rollout, promoted, rejections }: ServiceRecord, hash: string): string {
  const promotion = promoted.find(({ revision }) => revision.hash === hash);
  if (promotion !== undefined) return promotion.service.origin.snapshot;
  if (rollout?.target === hash) return rollout.snapshot;
  return rejections.find(({ revision }) => revision === hash)?.snapshot ?? '';
}

/** The run spec with the names of its environment and headers, and not what is in them: a value may be somebody's secret. */
function withoutValues(run: RunSpec): RunSpec {
  const masked = (values: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.keys(values).map((key) => [key, '…']));
  return run.runtime === 'process' ? { ...run, env: masked(run.env) } : { ...run, headers: masked(run.headers) };
}

function resource<Kind extends ResourceKind, Spec, Status>(
  kind: Kind,
  name: string,
  record: ServiceRecord,
  spec: Spec,
  status: Status,
): Resource<Kind, Spec, Status> {
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      service: kind === 'Service' ? null : record.service,
      labels: record.desired?.labels ?? {},
      annotations: kind === 'Service' ? (record.desired?.annotations ?? {}) : {},
      generation: record.generation,
      createdAt: instant(record.createdAt),
    },
    spec,
    status: { ...status, conditions: record.conditions.map(conditionResource) },
    observedCommit: record.observedSnapshot,
  };
}

function conditionResource({ lastTransitionAt, ...condition }: Condition): ResourceCondition {
  return { ...condition, lastTransitionTime: instant(lastTransitionAt) };
}

function plainMetadata(name: string, service: string | null, createdAt: number | null): Metadata {
  return { name, service, labels: {}, annotations: {}, generation: 0, createdAt: instantOrNull(createdAt) };
}

/** The words that ?q= looks through. */
export function wordsOf(item: AnyResource): (string | null)[] {
  const { name, service } = item.metadata;
  return item.kind === 'Tool' ? [name, service, item.spec.tool, item.spec.title, item.spec.description] : [name, service];
}
