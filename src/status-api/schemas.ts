/** JSON Schemas of what the API takes and gives: the OpenAPI document is made of them, and tests hold real answers against them. */
import { Type, type TSchema } from 'typebox';
import { errorCodes } from '../base/error-codes.ts';
import { driftKinds } from '../model/drift.ts';
import { apiVersion } from '../model/resource.ts';
import { commit, contractComparison, rolloutStatus } from './rollout-schemas.ts';
import { count, instant, map, oneOf, orNull, text } from './schema-words.ts';

const anything = Type.Unknown();

const state = oneOf('Draft', 'Validating', 'Deploying', 'Active', 'Updating', 'Deactivating', 'Inactive', 'Error');
const health = oneOf('HEALTHY', 'DEGRADED', 'DOWN', 'UNKNOWN');

const condition = Type.Object({
  type: text,
  status: oneOf('True', 'False', 'Unknown'),
  reason: text,
  message: text,
  observedGeneration: count,
  lastTransitionTime: orNull(instant),
});
const issue = Type.Object({
  code: text,
  severity: oneOf('error', 'warning', 'note'),
  message: text,
  file: text,
  line: count,
  column: count,
  path: text,
  expected: Type.Optional(text),
  suggestion: Type.Optional(text),
  subject: Type.Optional(text),
});
const metadata = Type.Object({
  name: text,
  service: orNull(text),
  labels: map(text),
  annotations: map(text),
  generation: count,
  createdAt: orNull(instant),
});
const check = Type.Object({
  name: text,
  type: oneOf('basic', 'functional', 'performance', 'dependency'),
  outcome: oneOf('pending', 'pass', 'fail', 'error'),
  message: text,
  at: instant,
  latencyMs: orNull(Type.Number()),
  passesInARow: count,
  failsInARow: count,
  errorsInARow: count,
});
const instanceStatus = {
  name: text,
  revision: text,
  role: oneOf('stable', 'target', 'other'),
  duty: orNull(oneOf('serve', 'retire', 'drain')),
  phase: oneOf('planned', 'starting', 'connected', 'stopping', 'ended'),
  health,
  pid: orNull(count),
  port: orNull(count),
  startedAt: orNull(instant),
  connectedAt: orNull(instant),
  sessions: count,
  inFlight: count,
  checks: Type.Array(check),
  end: orNull(
    Type.Object({ code: text, message: text, at: instant, exitCode: orNull(Type.Integer()), signal: orNull(text), stderrTail: text }),
  ),
  restarts: count,
  restartAt: orNull(instant),
};
const revisionStatus = {
  name: text,
  hash: text,
  role: oneOf('stable', 'target', 'promoted', 'rejected'),
  weight: Type.Number(),
  reason: text,
  message: text,
  rejectedAt: orNull(instant),
  snapshot: text,
  commit,
  keptUntil: orNull(instant),
};

const resource = (kind: string, spec: TSchema, status: Record<string, TSchema>): TSchema =>
  Type.Object(
    {
      apiVersion: Type.Literal(apiVersion),
      kind: Type.Literal(kind),
      metadata,
      spec,
      status: Type.Object({ ...status, conditions: Type.Array(condition) }),
      observedCommit: Type.String({ description: 'the snapshot this speaks of: a commit for git, a content hash for a folder' }),
    },
    { $id: kind },
  );
const list = (kind: string): TSchema =>
  Type.Object(
    {
      apiVersion: Type.Literal(apiVersion),
      kind: Type.Literal(`${kind}List`),
      metadata: Type.Object({ continue: orNull(text), total: count }),
      items: Type.Array(Type.Ref(kind)),
      observedCommit: text,
    },
    { $id: `${kind}List` },
  );

const resources: TSchema[] = [
  resource('Service', Type.Unknown({ description: 'the resolved spec as a manifest would write it' }), {
    state,
    stateSince: instant,
    health,
    type: orNull(oneOf('server', 'remote')),
    transport: orNull(text),
    tags: Type.Array(text),
    suspended: Type.Boolean(),
    replicas: count,
    readyInstances: count,
    stable: orNull(text),
    target: orNull(text),
    tools: count,
    calls: count,
    errors: count,
    rollout: orNull(Type.Object(rolloutStatus)),
    history: Type.Array(Type.Object(rolloutStatus)),
    contract: Type.Object({ offered: orNull(text), locked: orNull(text) }),
    drift: orNull(contractComparison),
    drifts: Type.Array(Type.Object({ kind: oneOf(...driftKinds), message: text, diff: text, since: instant })),
    quarantine: Type.Array(text),
    revisions: Type.Array(Type.Object(revisionStatus)),
    instances: Type.Array(Type.Object(instanceStatus)),
    dependsOn: Type.Array(text),
    issues: Type.Array(issue),
    source: orNull(text),
    file: orNull(text),
    commit,
    appliedCommit: Type.String({ description: 'the snapshot whose declaration runs; empty before anything of it did' }),
    applied: commit,
  }),
  resource('Rollout', Type.Object({ strategy: text, target: text }), rolloutStatus),
  resource('Revision', Type.Unknown({ description: 'the run spec; values of environment and headers are not shown' }), revisionStatus),
  resource('Instance', Type.Object({ revision: text, duty: orNull(text) }), instanceStatus),
  resource(
    'Tool',
    Type.Object({
      tool: text,
      exposedAs: text,
      aggregatedAs: text,
      title: orNull(text),
      description: orNull(text),
      inputSchema: anything,
      outputSchema: anything,
      annotations: anything,
    }),
    { callable: Type.Boolean() },
  ),
  resource(
    'Event',
    Type.Object({
      seq: count,
      type: oneOf('Normal', 'Warning'),
      reason: text,
      message: text,
      at: instant,
      revision: orNull(text),
      actor: text,
    }),
    { stored: Type.Literal(true) },
  ),
  resource('Source', Type.Object({ kind: oneOf('folder', 'git'), location: text }), {
    readAt: orNull(instant),
    suspended: Type.Boolean(),
    failure: orNull(text),
    commit,
    driftPolicy: oneOf('correct', 'report'),
    drift: orNull(
      Type.Object({
        since: instant,
        problem: orNull(text),
        files: Type.Array(Type.Object({ path: text, change: oneOf('edited', 'deleted', 'replaced', 'mode') })),
        total: count,
        diff: text,
      }),
    ),
    refused: Type.Union([Type.Object({ commit: text, reason: text, message: text }), Type.Null()], {
      description: 'why a newer commit was not taken, while that stands',
    }),
    unmatchedPaths: Type.Array(Type.Object({ path: text, near: orNull(text), message: text }), {
      description: 'paths that its commit has nothing at; near: what it has of nearly that name',
    }),
    pruneHeld: Type.Array(text),
    services: count,
    issues: Type.Array(issue),
  }),
];

const counted = map(count);
const reports: TSchema[] = [
  Type.Object(
    {
      type: text,
      title: text,
      status: Type.Integer({ minimum: 400, maximum: 599 }),
      detail: text,
      instance: text,
      code: oneOf(...Object.keys(errorCodes)),
      next: text,
    },
    { $id: 'Problem', description: 'RFC 9457' },
  ),
  Type.Object(
    {
      total: count,
      states: counted,
      health: counted,
      types: counted,
      rolloutsRunning: count,
      tools: count,
      calls: count,
      errors: count,
      settled: Type.Boolean(),
      serving: Type.Boolean({ description: 'settled, but for rollouts that wait for time, data, a person or their group' }),
      troubles: Type.Array(Type.Object({ service: text, message: text })),
      observedCommit: text,
    },
    { $id: 'Overview' },
  ),
  Type.Object(
    {
      service: text,
      health,
      instances: Type.Array(Type.Object({ name: text, revision: text, role: text, phase: text, health, checks: Type.Array(check) })),
      observedCommit: text,
    },
    { $id: 'HealthReport' },
  ),
  Type.Object(
    {
      services: Type.Array(
        Type.Object({
          service: text,
          dependsOn: Type.Array(Type.Object({ service: text, declared: Type.Boolean(), ready: Type.Boolean() })),
          dependants: Type.Array(text),
        }),
      ),
      observedCommit: text,
    },
    { $id: 'DependencyReport' },
  ),
  Type.Object(
    {
      days: Type.Array(Type.Object({ service: text, tool: text, day: text, calls: count, errors: count, latencySumMs: Type.Number() })),
      observedCommit: text,
    },
    { $id: 'UsageReport' },
  ),
  Type.Object(
    { matches: Type.Array(Type.Object({ service: text, name: text, exposedAs: text, aggregatedAs: text })), observedCommit: text },
    { $id: 'Resolution' },
  ),
  Type.Object(
    {
      fields: Type.Array(
        Type.Object({
          field: text,
          value: anything,
          file: text,
          line: count,
          column: count,
          from: text,
          overrides: Type.Array(Type.Object({ value: anything, file: text, line: count, column: count, from: text })),
        }),
      ),
      observedCommit: text,
    },
    { $id: 'Explanation' },
  ),
  Type.Object(
    {
      version: text,
      dataDir: text,
      adminSocket: text,
      gatewayUrl: text,
      statusUrl: text,
      webhooksUrl: orNull(text),
      startedAt: instant,
      epoch: count,
      hostConnected: Type.Boolean(),
      pids: Type.Object({ supervisor: orNull(count), controller: count, host: orNull(count) }),
    },
    { $id: 'About' },
  ),
];

/** Every named schema: added to the server, and the components of the OpenAPI document. */
export const namedSchemas: readonly TSchema[] = [
  ...resources,
  ...['Service', 'Rollout', 'Revision', 'Instance', 'Tool', 'Event', 'Source'].map(list),
  ...reports,
];

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'items a page; 500 unless told otherwise' })),
  continue: Type.Optional(Type.String({ maxLength: 400, description: 'cursor of the next page, from metadata.continue' })),
};

export const serviceFilter = {
  type: Type.Optional(Type.String({ maxLength: 100, description: 'server or remote; several separated by commas' })),
  state: Type.Optional(Type.String({ maxLength: 200, description: 'lifecycle states, separated by commas' })),
  health: Type.Optional(Type.String({ maxLength: 100, description: 'HEALTHY, DEGRADED, DOWN or UNKNOWN, separated by commas' })),
  tag: Type.Optional(Type.String({ maxLength: 200 })),
  label: Type.Optional(Type.String({ maxLength: 1_000, description: 'label selector: team=platform,tier!=test' })),
  q: Type.Optional(Type.String({ maxLength: 400, description: 'words that must all be in the name, description or tags' })),
};
