/** Conditions: what is true of the Service now, from the Record as this pass leaves it. */
import type { Condition, ConditionType } from '../model/condition.ts';
import type { ContractComparison } from '../model/contract.ts';
import type { Desired } from '../model/desired.ts';
import type { DriftKind } from '../model/drift.ts';
import type { ServiceRecord } from '../model/record.ts';
import { differenceText } from './contract/compare.ts';
import { groupRejected } from './group.ts';
import { readyCount } from './instances.ts';
import { dependenciesReady, fallbackOf, goalOf, rejectionOf, wantedReplicas, type Pass } from './pass.ts';
import { isSameRecord } from './record.ts';
import { failureOf } from './rollout/judge.ts';
import { inBackOff, missingDependencies } from './state.ts';

type Said = readonly [status: Condition['status'], reason: string, message: string];

/** What the Conditions of a Record at rest were judged by, besides the Record itself: nothing needs a second look at the same. */
const judgedBy = new WeakMap<ServiceRecord, Desired>();

export function rememberJudgement(record: ServiceRecord, given: Desired): void {
  if (record.rollout === null) judgedBy.set(record, given);
}

function areJudged({ before, record, given }: Pass): boolean {
  const earlier = before === null || !isSameRecord(before, record) ? undefined : judgedBy.get(before);
  return earlier?.declaration === given.declaration && isSameReadiness(earlier.dependencies, given.dependencies);
}

function isSameReadiness(a: Desired['dependencies'], b: Desired['dependencies']): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => a[name]!.ready === b[name]?.ready && a[name]!.declared === b[name].declared);
}

/** Conditions keep their object when they say the same, and lastTransitionAt while their status does. */
export function judgeConditions(pass: Pass): void {
  const { record, now } = pass;
  if (areJudged(pass)) return;
  const said: Record<ConditionType, Said> = {
    Ready: ready(pass),
    Progressing: progressing(pass),
    Synced: synced(pass),
    Valid: valid(pass),
    Healthy: healthy(pass),
    DependenciesReady: dependencies(pass),
    Drifted: drifted(pass),
    Stalled: stalled(pass),
  };
  let changed = record.conditions.length === 0;
  const next = (Object.entries(said) as [ConditionType, Said][]).map(([type, [status, reason, message]]) => {
    const earlier = record.conditions.find((condition) => condition.type === type);
    if (
      earlier?.status === status &&
      earlier.reason === reason &&
      earlier.message === message &&
      earlier.observedGeneration === record.generation
    )
      return earlier;
    changed = true;
    const lastTransitionAt = earlier?.status === status ? earlier.lastTransitionAt : now;
    return { type, status, reason, message, observedGeneration: record.generation, lastTransitionAt };
  });
  if (changed) record.conditions = next;
  const applied = record.desired?.origin.snapshot;
  if (statusOf(record.conditions, 'Synced') === 'True' && applied !== undefined) record.appliedSnapshot = applied;
}

export function statusOf(conditions: readonly Condition[], type: ConditionType): Condition['status'] {
  return conditions.find((condition) => condition.type === type)?.status ?? 'Unknown';
}

function ready(pass: Pass): Said {
  const { record } = pass;
  if (goalOf(pass) !== 'running') return ['False', record.state, 'It is not meant to run.'];
  if (record.stable === null) {
    const failing = record.target === null ? undefined : inBackOff(pass, record.target.hash);
    return failing === undefined
      ? ['False', 'NeverDeployed', 'No revision has been promoted yet.']
      : ['False', failing.last.code, failing.last.message];
  }
  const wanted = wantedReplicas(pass, record.stable);
  const proven = readyCount(pass);
  if (record.rollout?.phase === 'Swapping') return ['False', 'Swapping', 'Calls wait while the one instance that may live is replaced.'];
  if (proven >= wanted) return ['True', 'StableServes', `${record.stable.name} serves with ${proven} of ${wanted} instances.`];
  const failing = inBackOff(pass, record.stable.hash);
  if (failing !== undefined) return ['False', failing.last.code, failing.last.message];
  return ['False', 'InstancesMissing', `${record.stable.name} has ${proven} of ${wanted} instances.`];
}

function progressing(pass: Pass): Said {
  const { record } = pass;
  if (record.rollout !== null) {
    const { number, phase, paused, waitsFor } = record.rollout;
    const waits = waitsFor === '' ? '' : ` It waits for ${waitsFor}.`;
    return ['True', paused === null ? phase : 'Paused', `Rollout ${number} to ${record.target!.name}.${waits}`];
  }
  if (record.state === 'Deactivating') return ['True', 'Draining', 'Instances are drained and stopped.'];
  if (record.state === 'Deploying') return ['True', 'Starting', 'Instances are being started.'];
  return ['False', 'Settled', 'Nothing is under way.'];
}

function synced(pass: Pass): Said {
  const { record, given } = pass;
  if (record.suspended) return ['False', 'Suspended', 'Changes of the manifest are not applied until `resume`.'];
  if (given.declaration.kind === 'unknown') return ['Unknown', 'SourceUnknown', given.declaration.reason];
  if (given.declaration.kind === 'invalid')
    return ['False', 'ManifestInvalid', 'The manifest does not compile; the last valid one goes on.'];
  switch (goalOf(pass)) {
    case 'removed':
      return ['False', 'Removing', 'Its manifest is gone; it is being stopped.'];
    case 'unknown-spec':
      return ['False', 'ManifestInvalid', 'It never had a valid manifest.'];
    case 'draft':
    case 'stopped':
      return record.instances.length === 0
        ? ['True', 'Stopped', 'Nothing of it runs, as declared.']
        : ['False', 'Stopping', 'It is being stopped.'];
    case 'running':
      return syncedRunning(pass);
  }
}

function syncedRunning(pass: Pass): Said {
  const { record } = pass;
  const wanted = record.desired!.revision;
  const rejection = rejectionOf(pass, wanted.hash);
  if (record.rollout !== null) return ['False', 'RolloutInProgress', `${record.target!.name} is being rolled out.`];
  if (rejection !== undefined && record.stable?.hash === wanted.hash) {
    const back = fallbackOf(pass) === null ? 'There is nothing left to go back to.' : missingDependencies(pass);
    return ['False', 'Rejected', `${withStop(`${rejection.name} serves, though it was rejected: ${rejection.message}`)} ${back}`];
  }
  if (rejection !== undefined) {
    const goesOn = record.stable === null ? '' : ` Stable ${record.stable.name} keeps serving.`;
    return [
      'False',
      'Rejected',
      `${rejection.name} of snapshot ${rejection.snapshot.slice(0, 12)} was taken back: ${withStop(rejection.message)}${goesOn}`,
    ];
  }
  if (wanted.hash !== record.stable?.hash) return ['False', 'WaitingForDependencies', missingDependencies(pass)];
  return ['True', 'Applied', `${record.stable.name} is what the manifest says.`];
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function valid({ given, record }: Pass): Said {
  if (given.declaration.kind === 'unknown') {
    const known = record.conditions.find(({ type }) => type === 'Valid');
    return known === undefined ? ['Unknown', 'SourceUnknown', given.declaration.reason] : [known.status, known.reason, known.message];
  }
  if (given.declaration.kind !== 'invalid') return ['True', 'Compiled', 'The manifest compiles.'];
  const [issue] = given.declaration.issues.filter(({ severity }) => severity === 'error');
  if (issue === undefined) return ['False', 'ManifestInvalid', 'Its file holds no manifest any more; mend it, or delete it.'];
  return ['False', issue.code, `${issue.file}:${issue.line}:${issue.column}: ${issue.message}`];
}

function healthy({ record }: Pass): Said {
  if (record.health === 'UNKNOWN') return ['Unknown', 'UNKNOWN', 'Nothing has been checked yet.'];
  if (record.health === 'HEALTHY') return ['True', 'HEALTHY', 'Every instance passes its checks.'];
  return ['False', record.health, record.health === 'DOWN' ? 'No instance passes its checks.' : 'Some instances or checks fail.'];
}

function dependencies(pass: Pass): Said {
  if (pass.record.desired === null || pass.record.desired.dependsOn.length === 0)
    return ['True', 'NoDependencies', 'It depends on nothing.'];
  return dependenciesReady(pass)
    ? ['True', 'AllReady', 'Everything it depends on is ready.']
    : ['False', 'Waiting', missingDependencies(pass)];
}

const driftReasons: Record<DriftKind, string> = {
  instances: 'InstancesDrifted',
  routes: 'RouteDrifted',
  contract: 'ContractChanged',
  files: 'FilesDrifted',
};

/** The reason is that of the first kind; the message speaks of all. */
function drifted({ record }: Pass): Said {
  const shown = record.drifts.filter((drift) => drift.shown);
  if (shown.length === 0) return ['False', 'AsPromoted', 'It offers what it was promoted with.'];
  const said: Record<DriftKind, (message: string) => string> = {
    instances: (message) => `The host ${message}.`,
    routes: (message) => `The gateway ${message}.`,
    contract: () => contractDrifted(record, record.drift!),
    files: (message) => `${message}.`,
  };
  return ['True', driftReasons[shown[0]!.kind], shown.map(({ kind, message }) => said[kind](message)).join(' ')];
}

function contractDrifted(record: Pass['record'], drift: ContractComparison): string {
  const { class: worst, differences, more, to } = drift;
  const hidden = record.quarantine.length === 0 ? '' : ` Hidden until then: ${record.quarantine.slice(0, 10).join(', ')}.`;
  const count = differences.length + more;
  const found = count === 1 ? `1 difference, ${worst ?? 'none'}` : `${count} differences, the worst is ${worst ?? 'none'}`;
  return `${found}: ${differences[0] === undefined ? '' : differenceText(differences[0])}. To approve it, say \`fairlead lock ${record.service}\` or commit migration.contract.approved: "${to.slice(0, 12)}".${hidden}`;
}

function stalled(pass: Pass): Said {
  const { record, given } = pass;
  if (record.rollout !== null && record.rollout.waitsOn === 'person' && goalOf(pass) === 'running')
    return ['True', 'WaitsForPerson', `The rollout waits for ${record.rollout.waitsFor}.`];
  if (record.rollout !== null && record.rollout.stable !== null) {
    // What may be taken back by itself has been by now.
    const failure = failureOf(pass);
    if (failure !== null)
      return [
        'True',
        failure.reason,
        `The rollout has failed, and rollback.automatic is off: ${withStop(failure.message)} \`rollout abort\` ends it.`,
      ];
  }
  if (given.declaration.kind === 'invalid') return ['True', 'ManifestInvalid', 'Somebody must mend the manifest.'];
  if (goalOf(pass) === 'running' && record.rollout === null) {
    const rejection = rejectionOf(pass, record.desired!.revision.hash);
    if (rejection?.reason === groupRejected)
      return ['True', 'Rejected', 'It is tried again when the service of its group that was taken back is mended, or at `rollout retry`.'];
    if (rejection !== undefined)
      return ['True', 'Rejected', 'Nothing more is tried until the manifest declares another revision or somebody says `rollout retry`.'];
  }
  return ['False', 'Moving', 'Nothing needs a person.'];
}
