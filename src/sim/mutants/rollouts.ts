/** Mistakes about Rollouts whatever their strategy: beginning, failing, ending, and swapping what is exclusive. */
import type { Mutant } from './mutant.ts';

const engine = 'rollout/engine.ts';
const inPlace = 'rollout/in-place.ts';
const judge = 'rollout/judge.ts';
const verdict = 'rollout/verdict.ts';
const strategy = 'rollout/strategy.ts';
const standing = 'rollout/standing.ts';

export const rolloutMutants: readonly Mutant[] = [
  // Beginning
  { name: 'forgets rejected revisions', file: engine, find: 'rejectionOf(pass, wanted.hash) === undefined', replace: 'true' },
  { name: 'does not wait for dependencies', file: engine, find: ' && dependenciesReady(pass)', replace: '' },
  {
    name: 'a newer manifest waits for the rollout before',
    file: engine,
    find: 'record.rollout !== null && record.rollout.target !== wantedRevision(pass).hash',
    replace: 'false',
  },
  {
    name: 'a rollout begins with the time of the one before',
    file: engine,
    find: 'waitingSince: null, waitedMs: 0,',
    replace: 'waitingSince: null, waitedMs: pass.before?.rollout?.waitedMs ?? 0,',
  },
  {
    name: 'a first deployment goes by steps',
    file: engine,
    find: "return target.run.exclusive ? 'exclusive' : 'first';",
    replace: "return target.run.exclusive ? 'exclusive' : null;",
  },
  { name: 'a return goes by steps', file: engine, find: "? 'return' : null", replace: '? null : null' },
  { name: 'returns beyond the window', file: engine, find: 'promoted.slice(1, window + 1)', replace: 'promoted.slice(1)' },
  { name: 'every rollout is a return', file: engine, find: "? 'return' : null", replace: "? 'return' : 'return'" },
  {
    name: 'an exclusive target goes by steps',
    file: engine,
    find: "if (target.run.exclusive || stable.run.exclusive) return 'exclusive';",
    replace: '',
  },
  // Failing
  {
    name: 'takes back the first deployment',
    file: judge,
    find: 'stable !== null && migrationOf',
    replace: 'migrationOf',
  },
  {
    name: 'takes back though the manifest forbids it',
    file: judge,
    find: 'stable !== null && migrationOf(pass, target).rollback.automatic',
    replace: 'stable !== null',
  },
  {
    name: 'has no deadline',
    file: judge,
    find: 'if (at === null || pass.now < at) return null;',
    replace: 'if (at !== null) return null;',
  },
  { name: 'forgets to wake for the deadline', file: judge, find: 'wake(pass, at);', replace: ';' },
  { name: 'the deadline counts waits', file: judge, find: 'startedAt + waitedMs + migrationOf', replace: 'startedAt + migrationOf' },
  { name: 'the deadline passes during a wait', file: judge, find: 'waitingSince === null ? startedAt', replace: 'true ? startedAt' },
  {
    name: 'waits for ever in proof',
    file: engine,
    find: "const standsStill = new Set<WaitsOn>(['time', 'data', 'person', 'group']);",
    replace: "const standsStill = new Set<WaitsOn>(['time', 'data', 'person', 'group', 'instances']);",
  },
  {
    name: 'a pause is no wait',
    file: engine,
    find: "new Set<WaitsOn>(['time', 'data', 'person', 'group'])",
    replace: "new Set<WaitsOn>(['data', 'person', 'group'])",
  },
  {
    name: 'a wait for the group is none',
    file: engine,
    find: "new Set<WaitsOn>(['time', 'data', 'person', 'group'])",
    replace: "new Set<WaitsOn>(['time', 'data', 'person'])",
  },
  {
    name: 'forgets waits that are over',
    file: engine,
    find: 'const waitedMs = rollout.waitedMs + Math.max(0, now - rollout.waitingSince);',
    replace: 'const waitedMs = rollout.waitedMs;',
  },
  {
    name: 'does not count failed targets',
    file: 'instances.ts',
    find: 'failures: rollout.failures + 1',
    replace: 'failures: rollout.failures',
  },
  { name: 'tries again what is certain to fail', file: judge, find: ' && !certainFailures.has(lastFailure.code)', replace: '' },
  { name: 'never gives up', file: judge, find: 'failures < failuresThatEnd && ', replace: '' },
  {
    name: 'failures are looked at after pauses',
    file: judge,
    find: 'if (failure !== null) reject',
    replace: 'if (failure !== null && record.rollout!.paused === null) reject',
  },
  // Ending
  {
    name: 'a target that was taken back becomes stable',
    file: verdict,
    find: "end(pass, 'RolledBack', reason,",
    replace: "record.stable = record.target;\n  end(pass, 'RolledBack', reason,",
  },
  {
    name: 'a superseded target becomes stable',
    file: engine,
    find: "end(pass, 'Superseded', returns ?",
    replace: "pass.record.stable = pass.record.target;\n  end(pass, 'Superseded', returns ?",
  },
  { name: 'says no verdict', file: verdict, find: 'record.verdicts = [verdict, ...record.verdicts].slice(0, verdictsKept);', replace: '' },
  {
    name: 'takes an abort for a rollback that may be tried again',
    file: verdict,
    find: "remember(pass, record.target!, 'Aborted', message, record.rollout!.snapshot);",
    replace: '',
  },
  {
    name: 'does not remember what it took back',
    file: verdict,
    find: 'remember(pass, record.target!, reason, message, record.rollout!.snapshot, contract);',
    replace: '',
  },
  {
    name: 'cuts the sessions of the stable that was',
    file: verdict,
    find: "rollout!.direct === 'exclusive' ? 'drain' : 'retire'",
    replace: "'drain'",
  },
  {
    name: 'cuts the sessions of a superseded target',
    file: verdict,
    find: "(result === 'Superseded' || rollout.topWeight === 0) && !target.run.exclusive",
    replace: 'false',
  },
  {
    name: 'a rollout that ended keeps its route',
    file: engine,
    find: 'setRoute(pass, restingRoute(shareWithStandIns(pass, { [hash]: 100 }, standIns, replicas)));',
    replace: '',
  },
  {
    name: 'keeps the replicas of a manifest that was taken back',
    file: 'pass.ts',
    find: 'if (revisionHash === stable?.hash) return (stableService ?? desired)!;',
    replace: 'if (revisionHash === stable?.hash) return desired!;',
  },
  {
    name: 'the list of the promoted has doubles',
    file: verdict,
    find: 'revision.hash !== target.hash && rejectionOf',
    replace: 'rejectionOf',
  },
  { name: 'promotes without the contract that came with it', file: verdict, find: 'record.stableContract = contract;', replace: '' },
  // Carrying out
  {
    name: 'stops stable before the target is proven',
    file: strategy,
    find: 'stable: standing.stableReplicas,',
    replace: "stable: phase === 'Proving' ? 0 : standing.stableReplicas,",
  },
  {
    name: 'stable takes the replicas of the target',
    file: strategy,
    find: 'stable: standing.stableReplicas,',
    replace: 'stable: standing.replicas,',
  },
  {
    name: 'moves traffic when one instance is proven',
    file: strategy,
    find: 'if (proven < count) return',
    replace: 'if (proven < 1) return',
  },
  { name: 'moves traffic before proof', file: strategy, find: 'if (proven < count) return', replace: 'if (false) return' },
  {
    name: 'counts instances that are to go as proof',
    file: strategy,
    find: 'proven.filter((ordinal) => ordinal < count).length',
    replace: 'proven.length',
  },
  {
    name: 'promotes without route confirmation',
    file: strategy,
    find: 'promote: inForce?.weights[rollout.target] === 100',
    replace: 'promote: true',
  },
  {
    name: 'takes the word for another plan as confirmation',
    file: standing,
    find: 'observation.routeGeneration >= before.routePlan',
    replace: 'true',
  },
  { name: 'forgets which plan brought the route', file: engine, find: 'record.routePlan = record.planGeneration + 1;', replace: '' },
  {
    name: 'sends calls to nobody during a rollout',
    file: engine,
    find: 'if (step.weight < 100 && stable !== null)',
    replace: 'if (step.weight > 0 && step.weight < 100 && stable !== null)',
  },
  {
    name: 'refuses calls during an exclusive swap',
    file: inPlace,
    find: 'instancesLeft(missing, replicas)), stable: 0, weight: 100, hold: true',
    replace: 'instancesLeft(missing, replicas)), stable: 0, weight: 100, hold: false',
  },
  {
    name: 'swaps beside stable',
    file: inPlace,
    find: 'instancesLeft(missing, replicas)), stable: 0, weight: 100, hold: true',
    replace: 'instancesLeft(missing, replicas)), weight: 100, hold: true',
  },
  {
    name: 'sets the route anew at each pass',
    file: engine,
    find: 'if (isSame(record.route, route)) return;',
    replace: 'if (record.route === route) return;',
  },
  {
    name: 'promotes only from a phase of its own',
    file: strategy,
    find: 'promote: inForce?.weights[rollout.target] === 100',
    replace:
      "promote: rollout.phase === 'Switching' && inForce?.weights[rollout.target] === 100 && standing.proven.length === standing.replicas",
  },
  // Commands
  { name: 'a paused rollout goes on', file: engine, find: 'if (rollout.paused !== null) return', replace: 'if (false) return' },
  {
    name: 'a pause is not heard',
    file: 'commands.ts',
    find: 'record.rollout = { ...rollout, paused: rollout.paused ?? { since: now, actor } };',
    replace: '',
  },
  {
    name: 'a rollout begins though it is told to pause',
    file: 'commands.ts',
    find: "rollout !== null && (kind === 'pause-rollout' || kind === 'resume-rollout')",
    replace: "rollout !== null && kind === 'resume-rollout'",
  },
  { name: 'a pause cannot be ended', file: 'commands.ts', find: '{ ...rollout, paused: null }', replace: '{ ...rollout }' },
  {
    name: 'promote-full skips readiness',
    file: 'rollout/canary.ts',
    find: 'if (proven < replicas) {',
    replace: "if (proven < replicas && promoted !== 'full') {",
  },
  {
    name: 'abort during a swap is forgotten',
    file: 'commands.ts',
    find: "case 'abort': abort(pass, actor);",
    replace: "case 'abort':\n      if (rollout.phase !== 'Proving') abort(pass, actor);",
  },
  {
    name: 'other steps go on where those before were',
    file: engine,
    find: 'record.rollout = { ...rollout, strategy, ...fromTheStart(now, stepsHash), ...anew, phase };',
    replace: 'record.rollout = { ...rollout, strategy, stepsHash };',
  },
  {
    name: 'steps that change are not noticed',
    file: engine,
    find: 'if (rollout.stepsHash === stepsHash) return;',
    replace: 'if (true) return;',
  },
];
