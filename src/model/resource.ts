/**
 * Resources: what the status API says and the command line reads. The wire form of what a ReadModel shows: instants are
 * RFC 3339 texts, durations stay in ms. Every resource has the same seven members, so that one table printer and one
 * selector work on all of them. Members may be added; none changes its meaning within an apiVersion.
 */
import type { ConditionType } from './condition.ts';
import type { ContractComparison } from './contract.ts';
import type { Drift, DriftPolicy, FileChange } from './drift.ts';
import type { Issue } from './issue.ts';
import type { CheckResult, InstanceEnd, ShadowDifference, ShadowReport } from './observation.ts';
import type { Duty } from './plan.ts';
import type { HealthState, LifecycleState } from './record.ts';
import type { DirectReason, Measurement, RolloutPhase, RolloutResult, WaitsOn } from './rollout.ts';
import type { RunSpec } from './revision.ts';
import type { StrategyName } from './service.ts';
import type { UnmatchedPath } from './snapshot.ts';

export const apiVersion = 'fairlead.dev/v1alpha1';
/** Every answer of the status API carries it, so that a client knows that it has found one. */
export const versionHeader = 'fairlead-version';

export const resourceKinds = ['Service', 'Rollout', 'Revision', 'Instance', 'Tool', 'Event', 'Source'] as const;
export type ResourceKind = (typeof resourceKinds)[number];

export interface ResourceCondition {
  readonly type: ConditionType | 'Readable' | 'PruneHeld' | 'PathsMatched';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string | null;
}

export interface Metadata {
  readonly name: string;
  /** The Service it belongs to; null for what belongs to none. */
  readonly service: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generation: number;
  readonly createdAt: string | null;
}

export interface Resource<Kind extends ResourceKind, Spec, Status> {
  readonly apiVersion: typeof apiVersion;
  readonly kind: Kind;
  readonly metadata: Metadata;
  readonly spec: Spec;
  readonly status: Status & { readonly conditions: readonly ResourceCondition[] };
  /** The Snapshot that this speaks of: a commit for git, a content hash for a folder; empty when there was none yet. */
  readonly observedCommit: string;
}

type Told<Fact extends { readonly at: number }> = Omit<Fact, 'at'> & { readonly at: string };

/** Calls of one Revision; `errors` are those of the protocol and of tools together. */
export interface TrafficStatus {
  readonly calls: number;
  readonly errors: number;
  /** null: there was no call to take it of. */
  readonly p95Ms: number | null;
}

/** What goes on behind the steps of a canary from the moment its target has weight. */
export interface AnalysisStatus {
  readonly startedAt: string;
  /** Measurements that failed, and how many of them are put up with. */
  readonly failures: number;
  readonly failureLimit: number;
  /** When the next measurement is due. */
  readonly nextAt: string;
}

/** What a commit says of itself: fit to be shown, one line each. */
export interface CommitStatus {
  readonly id: string;
  readonly author: string;
  readonly email: string;
  readonly subject: string;
  /** By the committer's clock. */
  readonly committedAt: string;
}

export type MeasurementStatus = Told<Measurement>;
export type ShadowStatus = Omit<ShadowReport, 'examples'> & { readonly examples: readonly Told<ShadowDifference>[] };

export interface RolloutStatus {
  readonly number: number;
  readonly strategy: StrategyName;
  /** Why it has no steps, no analysis and no gate; null when it goes by its strategy. */
  readonly direct: DirectReason | null;
  /** A phase while under way; a result once it is over. */
  readonly phase: RolloutPhase | RolloutResult;
  readonly running: boolean;
  /** Revision names. */
  readonly stable: string | null;
  readonly target: string;
  /** Under way: the latest failure. Once it is over: why it ended so. */
  readonly reason: string;
  readonly message: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly failures: number;
  /** Canary: its steps in short words, `setWeight 10`, `pause 1m`. Empty for all others, and once it is over. */
  readonly steps: readonly string[];
  /** Index into steps; steps.length when all are done. Rolling: Instances of the target that have taken over. Null once it is over. */
  readonly step: number | null;
  readonly stepStartedAt: string | null;
  /** When time ends the step; null when it is not time alone that does. */
  readonly stepEndsAt: string | null;
  /** What it waits for: of what kind, and for a person. Null and empty once it is over. */
  readonly waitsOn: WaitsOn | null;
  readonly waitsFor: string;
  /** Somebody said `rollout pause`. */
  readonly paused: { readonly since: string; readonly actor: string } | null;
  /** Somebody said `rollout promote`, of the step under way or of all. */
  readonly promoted: 'step' | 'full' | null;
  /** When it fails unless it has been promoted; null while the time that it waits for something does not count, and once it is over. */
  readonly deadline: string | null;
  /** Shares of calls in percent as they should be now; null once it is over. */
  readonly weights: { readonly stable: number; readonly target: number } | null;
  /** The largest share of calls that the target got, in percent. */
  readonly topWeight: number;
  /** Calls of both since the target got its first, or (`since` is null) since the host started; null once it is over. */
  readonly traffic: { readonly since: string | null; readonly stable: TrafficStatus; readonly target: TrafficStatus } | null;
  readonly analysis: AnalysisStatus | null;
  /** The latest 5, newest first; once it is over, the one that decided or the last one. */
  readonly measurements: readonly MeasurementStatus[];
  /** stable's Contract against the target's; null while not both are known. */
  readonly contract: ContractComparison | null;
  /** What mirrored calls came to. */
  readonly shadow: ShadowStatus | null;
  /** The Snapshot that it carries out, and what that commit says; null for a folder, and when it is no longer known. */
  readonly snapshot: string;
  readonly commit: CommitStatus | null;
}

export interface InstanceStatus {
  readonly name: string;
  /** Revision name. */
  readonly revision: string;
  readonly role: 'stable' | 'target' | 'other';
  readonly duty: Duty | null;
  readonly phase: 'planned' | 'starting' | 'connected' | 'stopping' | 'ended';
  readonly health: HealthState;
  readonly pid: number | null;
  readonly port: number | null;
  readonly startedAt: string | null;
  readonly connectedAt: string | null;
  readonly sessions: number;
  readonly inFlight: number;
  readonly checks: readonly (Omit<CheckResult, 'at'> & { readonly at: string })[];
  readonly end: (Omit<InstanceEnd, 'at'> & { readonly at: string }) | null;
  /** Restarts in a row without ten healthy minutes, and when the next is due. */
  readonly restarts: number;
  readonly restartAt: string | null;
}

export interface RevisionStatus {
  readonly name: string;
  readonly hash: string;
  readonly role: 'stable' | 'target' | 'promoted' | 'rejected';
  readonly weight: number;
  readonly reason: string;
  readonly message: string;
  readonly rejectedAt: string | null;
  /** The Snapshot that brought it, empty when that is no longer known; and what that commit says. */
  readonly snapshot: string;
  readonly commit: CommitStatus | null;
  /** Until when it still runs for an instant return; null when it is no stable Revision of before that does. */
  readonly keptUntil: string | null;
}

/** `diff` is unified: `-` is what should be, `+` what is. */
export type DriftStatus = Omit<Drift, 'since'> & { readonly since: string };

export interface ServiceStatus {
  readonly state: LifecycleState;
  readonly stateSince: string;
  readonly health: HealthState;
  readonly type: 'server' | 'remote' | null;
  readonly transport: string | null;
  readonly tags: readonly string[];
  readonly suspended: boolean;
  readonly replicas: number;
  readonly readyInstances: number;
  readonly stable: string | null;
  readonly target: string | null;
  readonly tools: number;
  readonly calls: number;
  readonly errors: number;
  /** The Rollout under way. */
  readonly rollout: RolloutStatus | null;
  /** How Rollouts ended, newest first, at most 20. */
  readonly history: readonly RolloutStatus[];
  /** Hashes of the Contract that stable offers (null: not known), and of the one that `fairlead.lock` names (null: it is not locked). */
  readonly contract: { readonly offered: string | null; readonly locked: string | null };
  /** Where what stable offers has gone from the Contract that it was promoted with, though no commit said so; null: nowhere. */
  readonly drift: ContractComparison | null;
  /** Everything of it that is not as it should be though nothing declared says so, the Contract included. */
  readonly drifts: readonly DriftStatus[];
  /** Tools that are hidden and refused because of it, by the service's own names. */
  readonly quarantine: readonly string[];
  readonly revisions: readonly RevisionStatus[];
  readonly instances: readonly InstanceStatus[];
  readonly dependsOn: readonly string[];
  readonly issues: readonly Issue[];
  readonly source: string | null;
  readonly file: string | null;
  /** What the commit says that `observedCommit` names: the newest that its declaration was taken from. null for a folder. */
  readonly commit: CommitStatus | null;
  /** The Snapshot whose declaration runs; empty before anything of it did. And what that commit says. */
  readonly appliedCommit: string;
  readonly applied: CommitStatus | null;
}

export type ServiceResource = Resource<'Service', Readonly<Record<string, unknown>>, ServiceStatus>;
export type RolloutResource = Resource<'Rollout', { readonly strategy: string; readonly target: string }, RolloutStatus>;
export type RevisionResource = Resource<'Revision', RunSpec | Record<string, never>, RevisionStatus>;
export type InstanceResource = Resource<'Instance', { readonly revision: string; readonly duty: Duty | null }, InstanceStatus>;

export interface ToolSpec {
  /** As the service itself calls it. */
  readonly tool: string;
  /** As clients see it at the service's own endpoint (renamed when expose says so), and at /mcp. */
  readonly exposedAs: string;
  readonly aggregatedAs: string;
  readonly title: string | null;
  readonly description: string | null;
  readonly inputSchema: unknown;
  readonly outputSchema: unknown;
  readonly annotations: unknown;
}
export type ToolResource = Resource<'Tool', ToolSpec, { readonly callable: boolean }>;

export interface EventSpec {
  readonly seq: number;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly at: string;
  /** Revision name. */
  readonly revision: string | null;
  readonly actor: string;
}
export type EventResource = Resource<'Event', EventSpec, { readonly stored: true }>;

export interface SourceStatus {
  readonly readAt: string | null;
  readonly suspended: boolean;
  readonly failure: string | null;
  /** What the commit says that `observedCommit` names; null for a folder. */
  readonly commit: CommitStatus | null;
  /** Why a newer commit (empty: none in particular) was not taken, while that stands: the reason of an Event, and its words. */
  readonly refused: { readonly commit: string; readonly reason: string; readonly message: string } | null;
  /** Paths that it is to look into and that its commit has nothing at; `near`: what it has of nearly that name. */
  readonly unmatchedPaths: readonly UnmatchedPath[];
  /** What is done about what differs from what is declared. */
  readonly driftPolicy: DriftPolicy;
  /** Files that it laid out for services to run in and that are others now: at most 20 of them, and how many there are in all. */
  readonly drift: {
    readonly since: string;
    /** Why they were not put back, though they should have been. */
    readonly problem: string | null;
    readonly files: readonly { readonly path: string; readonly change: FileChange }[];
    readonly total: number;
    readonly diff: string;
  } | null;
  readonly pruneHeld: readonly string[];
  /** Services that it declares, those whose manifests are not valid too. */
  readonly services: number;
  readonly issues: readonly Issue[];
}
export type SourceResource = Resource<'Source', { readonly kind: 'folder' | 'git'; readonly location: string }, SourceStatus>;

export type AnyResource =
  | ServiceResource
  | RolloutResource
  | RevisionResource
  | InstanceResource
  | ToolResource
  | EventResource
  | SourceResource;

export interface ResourceList<Item extends AnyResource = AnyResource> {
  readonly apiVersion: typeof apiVersion;
  readonly kind: `${ResourceKind}List`;
  /** `continue` asks for the next page; null on the last. `total` counts what matches on all pages. */
  readonly metadata: { readonly continue: string | null; readonly total: number };
  readonly items: readonly Item[];
  readonly observedCommit: string;
}

/** RFC 9457. `code` is a name of the error registry; `next` says what to do. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly next: string;
}

/** `/api/v1/services/{name}/health`. */
export interface HealthReport {
  readonly service: string;
  readonly health: HealthState;
  readonly instances: readonly Pick<InstanceStatus, 'name' | 'revision' | 'role' | 'phase' | 'health' | 'checks'>[];
  readonly observedCommit: string;
}

/** `/api/v1/services/stats/overview`. */
export interface Overview {
  readonly total: number;
  readonly states: Partial<Readonly<Record<LifecycleState, number>>>;
  readonly health: Partial<Readonly<Record<HealthState, number>>>;
  readonly types: Readonly<Record<string, number>>;
  readonly rolloutsRunning: number;
  readonly tools: number;
  readonly calls: number;
  readonly errors: number;
  /** Every source has been read and nothing is under way: what runs now is what will run. */
  readonly settled: boolean;
  /** The same, but that Rollouts may wait for time, data, a person or their group while stable serves with all its Instances. */
  readonly serving: boolean;
  /** Services in Error, not Synced or drifted, and sources that cannot be read, with why. At most 20. */
  readonly troubles: readonly { readonly service: string; readonly message: string }[];
  readonly observedCommit: string;
}
