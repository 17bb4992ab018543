/** The planted mistakes: each must be caught by the simulator, or the simulator is not worth its name. */
export interface Mutant {
  /** What the heart then does wrong. */
  readonly name: string;
  /** Under src/core/. */
  readonly file: string;
  /** Must be there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The first seed to try; 1 unless told otherwise, for what takes tens of thousands to come up. */
  readonly from?: number;
}

const instances = 'instances.ts';
const engine = 'rollout/engine.ts';
const inPlace = 'rollout/in-place.ts';
const restart = 'restart.ts';
const declaration = 'declaration.ts';
const commands = 'commands.ts';
const conditions = 'conditions.ts';
const decide = 'decide.ts';

export const mutants: readonly Mutant[] = [
  // Proof
  {
    name: 'proves an instance without checks',
    file: instances,
    find: "if (seen.phase !== 'connected') return false;",
    replace: "return seen.phase === 'connected';",
  },
  { name: 'waits for performance before traffic', file: instances, find: "return result.type !== 'performance';", replace: 'return true;' },
  {
    name: 'one pass is proof enough',
    file: instances,
    find: 'result.passesInARow >= health.successThreshold',
    replace: 'result.passesInARow >= 1',
  },
  {
    name: 'one failing check is fatal',
    file: instances,
    find: 'result.failsInARow >= health.failureThreshold',
    replace: 'result.failsInARow >= 1',
  },
  { name: 'an error counts like a failure', file: instances, find: 'const errorsThatCount = 4;', replace: 'const errorsThatCount = 1;' },
  { name: 'errors never count', file: instances, find: 'const errorsThatCount = 4;', replace: 'const errorsThatCount = Infinity;' },
  {
    name: 'keeps proof when the host is a new one',
    file: instances,
    find: '({ ...instance, provenAt: null, dutySeenAt: null })',
    replace: '({ ...instance, dutySeenAt: null })',
  },
  { name: 'takes every observation for one of a new host', file: instances, find: 'record.hostId = observation.hostId;', replace: '' },
  // Instances
  { name: 'uses instance ids twice', file: instances, find: 'record.nextIncarnation = incarnation + 1;', replace: '' },
  { name: 'does not scale down', file: instances, find: "if (instance.ordinal >= count) setDuty(pass, instance, 'retire');", replace: '' },
  {
    name: 'starts an exclusive revision beside others',
    file: instances,
    find: 'if (revision.run.exclusive) return nothingAlive(pass);',
    replace: 'if (revision.run.exclusive) return true;',
  },
  {
    name: 'starts others beside a leaving exclusive one',
    file: instances,
    find: '!other.run.exclusive || other.hash === revision.hash',
    replace: 'true',
  },
  {
    name: 'lets one instance of a replaced exclusive stand in the way of the next',
    file: instances,
    find: '|| other.hash === revision.hash || !mayBeAlive(pass, other.hash)',
    replace: '|| !mayBeAlive(pass, null)',
  },
  {
    name: 'believes an observation older than the plan',
    file: instances,
    find: 'observation === null || (before !== null && observation.planGeneration < before.planGeneration)',
    replace: 'observation === null',
  },
  {
    name: 'stops without draining',
    file: instances,
    find: 'if (!idle && now < deadlineAt) wake(pass, deadlineAt);',
    replace: 'if (false) ;',
  },
  { name: 'drains before the host follows', file: instances, find: ' || observation.routeGeneration < leaving.dutyPlan', replace: '' },
  { name: 'a drain runs from when it was decided', file: instances, find: 'leaving.dutySeenAt ?? now', replace: 'leaving.dutySince' },
  { name: 'drains for ever', file: instances, find: '!idle && now < deadlineAt', replace: '!idle' },
  { name: 'forgets to wake for a drain', file: instances, find: 'wake(pass, deadlineAt);', replace: ';' },
  // Back-off
  {
    name: 'starts before the back-off is over',
    file: instances,
    find: 'restart !== undefined && mustWait(restart, now)',
    replace: 'false',
  },
  { name: 'forgets to wake for a back-off', file: instances, find: 'wake(pass, restart.notBefore);', replace: '' },
  {
    name: 'resets back-off at each pass',
    file: restart,
    find: 'revision === record.stable?.hash || revision === record.target?.hash',
    replace: 'false',
  },
  { name: 'back-off does not double', file: restart, find: '2 ** Math.min(failuresInARow - 1, 20)', replace: '1' },
  {
    name: 'back-off has no end',
    file: restart,
    find: 'Math.min(longestMs, firstMs * 2 ** Math.min(failuresInARow - 1, 20))',
    replace: 'firstMs * 2 ** Math.min(failuresInARow - 1, 20)',
  },
  { name: 'back-off is never forgiven', file: restart, find: 'earlier === undefined || wasHealthy', replace: 'earlier === undefined' },
  {
    name: 'a clock set back prolongs a back-off',
    file: restart,
    find: 'notBefore > now && notBefore - now <= longestMs',
    replace: 'notBefore > now',
  },
  // Rollouts
  { name: 'forgets rejected revisions', file: engine, find: 'rejectionOf(pass, wanted.hash) === undefined', replace: 'true' },
  { name: 'does not wait for dependencies', file: engine, find: ' && dependenciesReady(pass)', replace: '' },
  {
    name: 'a newer manifest waits for the rollout before',
    file: engine,
    find: 'record.rollout !== null && record.rollout.target !== wanted.hash',
    replace: 'false',
  },
  {
    name: 'takes back the first deployment',
    file: engine,
    find: 'rollout.stable === null || !record.desired!.migration.rollback.automatic',
    replace: '!record.desired!.migration.rollback.automatic',
  },
  {
    name: 'takes back though the manifest forbids it',
    file: engine,
    find: ' || !record.desired!.migration.rollback.automatic',
    replace: '',
  },
  { name: 'has no deadline', file: engine, find: 'now - rollout.startedAt < deadlineMs', replace: 'true' },
  { name: 'forgets to wake for the deadline', file: engine, find: 'wake(pass, rollout.startedAt + deadlineMs);', replace: ';' },
  { name: 'does not count failed targets', file: instances, find: 'failures: rollout.failures + 1', replace: 'failures: rollout.failures' },
  { name: 'tries again what is certain to fail', file: engine, find: 'certainFailures.has(failure.code) || ', replace: '' },
  { name: 'never gives up', file: engine, find: ' || rollout.failures >= failuresThatEnd', replace: '' },
  {
    name: 'a target that was taken back becomes stable',
    file: engine,
    find: "if (result === 'Promoted') {",
    replace: "if (result !== 'Superseded') {",
  },
  {
    name: 'a superseded target becomes stable',
    file: engine,
    find: "if (result === 'Promoted') {",
    replace: "if (result !== 'RolledBack') {",
  },
  { name: 'says no verdict', file: engine, find: 'record.verdicts = [verdict, ...record.verdicts].slice(0, verdictsKept);', replace: '' },
  { name: 'takes an abort for a rollback that may be tried again', file: engine, find: "remember(pass, 'Aborted', message);", replace: '' },
  { name: 'does not remember what it took back', file: engine, find: 'remember(pass, reason, message);', replace: '' },
  { name: 'stops stable before the target is proven', file: inPlace, find: 'standing.exclusive ? 0 : stableReplicas', replace: '0' },
  {
    name: 'stable takes the replicas of the target',
    file: inPlace,
    find: 'standing.exclusive ? 0 : stableReplicas',
    replace: 'standing.exclusive ? 0 : replicas',
  },
  { name: 'moves traffic when one instance is proven', file: inPlace, find: 'targetProven >= replicas', replace: 'targetProven >= 1' },
  { name: 'moves traffic before proof', file: inPlace, find: 'targetProven >= replicas', replace: 'true' },
  {
    name: 'counts instances that are to go as proof',
    file: engine,
    find: 'ordinal < replicas && provenAt !== null',
    replace: 'provenAt !== null',
  },
  { name: 'promotes without route confirmation', file: inPlace, find: 'promote: routeConfirmed', replace: 'promote: true' },
  {
    name: 'takes the word for another plan as confirmation',
    file: engine,
    find: 'observation.routeGeneration >= before.planGeneration',
    replace: 'true',
  },
  { name: 'cuts the sessions of the stable that was', file: engine, find: "hold(pass, 'retire');", replace: 'hold(pass);' },
  {
    name: 'a rollout that ended keeps its route',
    file: engine,
    find: 'setRoute(pass, { weights: { [record.stable.hash]: 100 }, hold: false });',
    replace: '',
  },
  {
    name: 'sends calls to nobody during a rollout',
    file: inPlace,
    find: 'stable === null ? { weights: {}, hold: failures === 0 } : to(stable, false)',
    replace: '{ weights: {}, hold: failures === 0 }',
  },
  {
    name: 'refuses calls during an exclusive swap',
    file: inPlace,
    find: 'route: to(rollout.target, true), promote: false',
    replace: 'route: to(rollout.target, false), promote: false',
  },
  {
    name: 'a revision never leaves',
    file: decide,
    find: 'if (leaving.length !== record.leaving.length) record.leaving = leaving;',
    replace: '',
  },
  { name: 'the rollout goes on when the service is to stop', file: decide, find: 'endForStop(pass);', replace: '' },
  { name: 'what is to stop is not drained', file: decide, find: 'drainAll(pass);', replace: '' },
  { name: 'archives what still runs', file: decide, find: 'record.desired === null || nothingAlive(pass)', replace: 'true' },
  {
    name: 'sets the route anew at each pass',
    file: engine,
    find: 'if (!same) record.route = route;',
    replace: 'record.route = route === null ? null : { ...route };',
  },
  {
    name: 'another plan under the same generation',
    file: 'plan.ts',
    find: ' || instance.duty !== after.instances[index]!.duty',
    replace: '',
  },
  // Manifests and commands
  { name: 'deletes what cannot be read', file: declaration, find: "case 'absent':", replace: "case 'absent':\n    case 'unknown':" },
  { name: 'applies changes while suspended', file: declaration, find: '!record.suspended || record.desired === null', replace: 'true' },
  { name: 'deletes while suspended', file: declaration, find: 'record.deleting || record.suspended', replace: 'record.deleting' },
  { name: 'stays deleted when declared again', file: declaration, find: 'record.deleting = false;', replace: '' },
  { name: 'does not count generations', file: declaration, find: 'record.generation += 1;', replace: '' },
  {
    name: 'takes a mended manifest for the spoilt one',
    file: conditions,
    find: 'const applied = record.desired?.origin.snapshot;',
    replace: 'const applied = record.observedSnapshot;',
  },
  { name: 'takes commands again', file: commands, find: 'if (command.id <= record.commandId) continue;', replace: '' },
  { name: 'a command stands for all', file: commands, find: 'record.commandId = command.id;', replace: 'record.commandId = Infinity;' },
  {
    name: 'retry is not heard',
    file: commands,
    find: 'record.rejections = record.rejections.filter(({ revision }) => revision !== wanted);',
    replace: '',
  },
  { name: 'resume is not heard', file: commands, find: 'record.suspended = false;', replace: '' },
  {
    name: 'a restored record has the plan that the host forgot',
    file: 'adopt.ts',
    find: 'planGeneration: record.planGeneration + 1,',
    replace: '',
  },
  {
    name: 'forgets that a manifest is spoilt when it cannot be read',
    file: conditions,
    find: '[known.status, known.reason, known.message]',
    replace: "['True', 'Compiled', '']",
  },
  {
    name: 'drops what a new host has started of those that leave',
    file: instances,
    find: ' || observed(pass, id) !== undefined',
    replace: '',
    from: 1_046_474,
  },
  {
    name: 'promotes only from a phase of its own',
    file: inPlace,
    find: 'promote: routeConfirmed',
    replace: "promote: routeConfirmed && rollout.phase === 'Switching'",
    from: 32_787,
  },
  // What is said
  {
    name: 'claims Synced for what is not',
    file: conditions,
    find: "return ['False', 'WaitingForDependencies', missingDependencies(pass)];",
    replace: "return ['True', 'Applied', ''];",
  },
  {
    name: 'claims Synced during a rollout',
    file: conditions,
    find: "return ['False', 'RolloutInProgress',",
    replace: "return ['True', 'RolloutInProgress',",
  },
  { name: 'claims Ready without proof', file: conditions, find: 'if (proven >= wanted)', replace: 'if (true)' },
  {
    name: 'moves lastTransitionAt at every word',
    file: conditions,
    find: 'earlier?.status === status ? earlier.lastTransitionAt : now',
    replace: 'now',
  },
  {
    name: 'never moves lastTransitionAt',
    file: conditions,
    find: 'earlier?.status === status ? earlier.lastTransitionAt : now',
    replace: 'earlier?.lastTransitionAt ?? now',
  },
  {
    name: 'jumps over states',
    file: 'lifecycle.ts',
    find: 'of way(record.state, state))',
    replace: 'of record.state === state ? [] : [state])',
  },
  {
    name: 'says Active during a rollout',
    file: 'state.ts',
    find: "state: updating ? 'Updating' : 'Deploying', reason",
    replace: "state: updating ? 'Active' : 'Deploying', reason",
  },
];
