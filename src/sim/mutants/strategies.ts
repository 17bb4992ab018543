/** Mistakes of the strategies: rolling, blue-green, canary with its analysis and shadow. */
import type { Mutant } from './mutant.ts';

const rolling = 'rollout/rolling.ts';
const blueGreen = 'rollout/blue-green.ts';
const canary = 'rollout/canary.ts';
const engine = 'rollout/engine.ts';
const judge = 'rollout/judge.ts';
const standing = 'rollout/standing.ts';
const standIn = 'rollout/stand-in.ts';
const verdict = 'rollout/verdict.ts';
const analysis = 'rollout/analysis.ts';
const window = 'analysis/window.ts';
const measure = 'analysis/judge.ts';

export const strategyMutants: readonly Mutant[] = [
  // Rolling
  {
    name: 'rolling lets nothing be ready',
    file: rolling,
    find: 'const readyNeeded = size - missing - replaced;',
    replace: 'const readyNeeded = 0;',
  },
  {
    name: 'stable goes for a target of which nothing has taken over',
    file: rolling,
    find: 'Math.min(unavailable, surge === 0 ? 1 : 0)',
    replace: 'unavailable',
  },
  {
    name: 'what has taken over goes before stable has its own again',
    file: verdict,
    find: 'const tookOver = standsIn(pass, result);',
    replace: 'const tookOver = false;',
  },
  {
    name: 'what was taken back or aborted halfway goes before stable has its own again',
    file: standIn,
    find: "tookOver && result !== 'Promoted'",
    replace: "tookOver && result === 'Superseded'",
  },
  {
    name: 'what was taken back for what it offers stands in for stable',
    file: standIn,
    find: ' && gateFailure(pass) === null && lockFailure(pass) === null',
    replace: '',
    from: 5_300,
  },
  {
    name: 'what stood in for stable and was taken back keeps its sessions',
    file: standIn,
    find: "=== undefined ? 'retire' : 'drain'",
    replace: "=== undefined ? 'retire' : 'retire'",
  },
  {
    name: 'what stands in for stable gets no calls',
    file: standIn,
    find: 'shared[hash] = Math.round((share * count) / ready);',
    replace: 'shared[hash] = 0;',
  },
  {
    name: 'what stands in for stable never goes',
    file: standIn,
    find: 'Math.max(0, wanted - readyOf(pass, stable.hash, wanted))',
    replace: 'wanted',
  },
  {
    name: 'what was kept stands in for stable when its time has passed',
    file: engine,
    find: 'leave(pass, revision, duty, pass.now);',
    replace: "leave(pass, revision, 'serve', pass.now);",
  },
  {
    name: 'rolling counts instances that start as ready',
    file: rolling,
    find: 'while (stable < stableReplicas && readyBelow(stable) < readyNeeded) stable++;',
    replace: '',
  },
  {
    name: 'rolling knows no surge',
    file: rolling,
    find: 'standing.there, size + surge - (stable - failing)',
    replace: 'standing.there, replicas',
  },
  {
    name: 'rolling counts only what is ready against the surge',
    file: rolling,
    find: 'size + surge - (stable - failing)',
    replace: 'size + surge - readyBelow(stable)',
  },
  {
    name: 'rolling rounds unavailability up',
    file: rolling,
    find: 'count(maxUnavailable, Math.floor)',
    replace: 'count(maxUnavailable, Math.ceil)',
  },
  {
    name: 'rolling sends all calls with the first instance',
    file: rolling,
    find: 'Math.round((100 * replaced) / (replaced + stable))',
    replace: '100',
  },
  {
    name: 'rolling gives no calls before the end',
    file: rolling,
    find: 'replaced === 0 ? 0 : Math.round((100 * replaced) / (replaced + stable))',
    replace: '0',
  },
  {
    name: 'rolling does not wait for the gateway',
    file: rolling,
    find: 'stepDone: standing.inForce !== null && confirmed',
    replace: 'stepDone: true',
  },
  { name: 'rolling goes past its group', file: rolling, find: 'if (!standing.groupOpen) return', replace: 'if (false) return' },
  {
    name: 'rolling goes past the gate',
    file: rolling,
    find: 'export function rolling(standing: Standing): Step {',
    replace: 'export function rolling(given: Standing): Step {\n  const standing = { ...given, gateOpen: true };',
  },
  { name: 'rolling goes on though it is paused', file: rolling, find: 'if (standing.held !== null) return', replace: 'if (false) return' },
  {
    name: 'rolling drops what it has started of the target',
    file: rolling,
    find: 'Math.max(replaced, standing.there, ',
    replace: 'Math.max(replaced, ',
  },
  // Blue-green
  { name: 'blue-green promotes itself', file: blueGreen, find: '!migration.blueGreen.autoPromote && ', replace: 'false && ' },
  { name: 'blue-green never promotes itself', file: blueGreen, find: '!migration.blueGreen.autoPromote && rollout', replace: 'rollout' },
  { name: 'blue-green looks at no preview', file: blueGreen, find: 'if (!standing.previewPasses) return', replace: 'if (false) return' },
  { name: 'blue-green opens no preview', file: engine, find: 'preview: step.preview ? target : null', replace: 'preview: null' },
  {
    name: 'blue-green leads the preview to stable',
    file: engine,
    find: 'preview: step.preview ? target : null',
    replace: 'preview: step.preview ? stable : null',
  },
  {
    name: 'blue-green is not taken back for its preview',
    file: judge,
    find: "phase === 'Switching' || direct",
    replace: 'true || direct',
  },
  {
    name: 'blue-green takes an error of the preview for a failure',
    file: judge,
    find: 'prePromotion.includes(result.name) && isDown(result, health)',
    replace: "prePromotion.includes(result.name) && result.outcome !== 'pass'",
  },
  { name: 'blue-green goes past its group', file: blueGreen, find: 'if (!standing.groupOpen) return', replace: 'if (false) return' },
  { name: 'blue-green keeps nothing', file: verdict, find: 'blueGreen.keepOldForMs > 0', replace: 'false' },
  {
    name: 'blue-green keeps for ever',
    file: engine,
    find: "if (pass.now >= kept.until) dropKept(pass, 'retire');",
    replace: "if (false) dropKept(pass, 'retire');",
  },
  {
    name: 'blue-green sends away what it keeps',
    file: engine,
    find: 'const kept = record.kept === null ? [] : [record.kept.revision.hash];',
    replace: 'const kept: string[] = [];',
  },
  {
    name: 'every strategy keeps what was stable',
    file: verdict,
    find: "strategy === 'blue-green' && rollout!.direct",
    replace: 'rollout!.direct',
  },
  { name: 'one passing check of the preview is enough', file: standing, find: 'prePromotion.every(', replace: 'prePromotion.some(' },
  // Canary
  { name: 'a pause ends early', file: canary, find: 'since + step.durationMs', replace: 'since + step.durationMs / 2' },
  { name: 'a pause begins anew at each pass', file: canary, find: 'since + step.durationMs', replace: 'now + step.durationMs' },
  {
    name: 'a pause without an end ends',
    file: canary,
    find: "stepDone: skipped, waitsOn: 'person'",
    replace: "stepDone: true, waitsOn: 'person'",
  },
  {
    name: 'forgets to wake when a pause ends',
    file: canary,
    find: "waitsOn: 'time', waitsFor, until: endsAt };",
    replace: "waitsOn: 'time', waitsFor, until: null };",
  },
  { name: 'promote is not heard', file: canary, find: 'rollout.promoted.step === index;', replace: 'rollout.promoted.step === index + 1;' },
  {
    name: 'promote stands for all steps',
    file: canary,
    find: 'rollout.promoted.step === index;',
    replace: 'rollout.promoted.step <= index;',
  },
  { name: 'promote-full is taken for promote', file: canary, find: "rollout.promoted === 'full' ? steps.length :", replace: '' },
  { name: 'a weight need not be confirmed', file: canary, find: 'stepDone: confirmed', replace: 'stepDone: true' },
  {
    name: 'a weight is one step ahead',
    file: canary,
    find: "steps.slice(0, index + 1).findLast((step) => step.type ===  'setWeight')",
    replace: "steps.slice(0, index + 2).findLast((step) => step.type === 'setWeight')",
  },
  {
    name: 'a target without instances keeps its weight',
    file: canary,
    find: 'const weight = proven === 0 ? 0 : weightAt',
    replace: 'const weight = weightAt',
  },
  { name: 'setReplicas is not heard', file: canary, find: 'return set?.replicas ?? replicas;', replace: 'return replicas;' },
  { name: 'all replicas wait for the last step', file: canary, find: 'if (index >= steps.length) return replicas;', replace: '' },
  {
    name: 'an analysis ends before its time',
    file: canary,
    find: 'if (now < endsAt) return { stepDone: false',
    replace: "if (now < endsAt) return { stepDone: measurement?.outcome === 'pass'",
  },
  { name: 'an analysis never gives up waiting', file: canary, find: 'stepDone: now >= holdsUntil', replace: 'stepDone: false' },
  {
    name: 'an analysis without data is a pass',
    file: canary,
    find: "measurement.outcome : 'inconclusive'",
    replace: "measurement.outcome : 'pass'",
  },
  { name: 'a canary goes past its group', file: canary, find: 'if (!standing.groupOpen) return', replace: 'if (false) return' },
  {
    name: 'a canary goes past the gate',
    file: canary,
    find: 'if (before !== null) return before;',
    replace: "if (before !== null && before.waitsFor !== 'the contracts of both revisions') return before;",
  },
  {
    name: 'a paused canary gets its next weight',
    file: canary,
    find: "'person', standing.held), ...at, weight: Math.min(weight, standing.weight) }",
    replace: "'person', standing.held), ...at, weight }",
  },
  {
    name: 'a step does not keep its start',
    file: engine,
    find: 'record.rollout = { ...rollout, step, stepStartedAt: now, shadow',
    replace: 'record.rollout = { ...rollout, step, shadow',
  },
  {
    name: 'a canary restarts its step when it enters its phase',
    file: engine,
    find: 'if (phase === rollout.phase) return;',
    replace:
      "if (phase === rollout.phase) {\n    if (phase === 'Stepping') record.rollout = { ...rollout, phaseStartedAt: now };\n    return;\n  }",
  },
  // Analysis and shadow
  { name: 'no analysis', file: judge, find: '?? analysisFailure(pass) ??', replace: '??' },
  {
    name: 'an analysis puts up with everything',
    file: judge,
    find: 'analysis.failures <= migrationOf',
    replace: 'analysis.failures >= 0 || analysis.failures <= migrationOf',
  },
  {
    name: 'an analysis fails with the first bad measurement',
    file: judge,
    find: 'analysis.failures <= migrationOf(pass, target).canary.analysis.failureLimit',
    replace: 'analysis.failures === 0',
  },
  {
    name: 'failed measurements are not counted',
    file: analysis,
    find: 'failures: state.failures + (failed ? 1 : 0)',
    replace: 'failures: state.failures',
  },
  {
    name: 'inconclusive measurements count as failed',
    file: analysis,
    find: "measurement.outcome === 'fail'",
    replace: "measurement.outcome !== 'pass'",
  },
  { name: 'measures at each pass', file: analysis, find: 'waitedMs >= intervalMs || waitedMs < 0', replace: 'waitedMs > 0' },
  {
    name: 'forgets to wake for a measurement',
    file: analysis,
    find: 'wake(pass, record.rollout!.analysis!.measuredAt + intervalMs);',
    replace: '',
  },
  {
    name: 'begins the window anew each time',
    file: window,
    find: '{ ...state, seen, window: { stable: add(state.window.stable, stable), target: add(state.window.target, target) } }',
    replace: '{ ...state, seen }',
  },
  {
    name: 'counts the traffic of a host before twice',
    file: window,
    find: 'const sameLife = seen.hostId === state.seen.hostId;',
    replace: 'const sameLife = false;',
  },
  { name: 'an old answer of a metrics source counts', file: measure, find: 'if (ageMs > staleMs)', replace: 'if (false)' },
  {
    name: 'a silent metrics source is a failure',
    file: measure,
    find: "judged('error', 'there is no answer yet')",
    replace: "judged('fail', 'there is no answer yet')",
  },
  { name: 'asks for no metrics', file: 'plan.ts', find: 'metrics.length === 0 ? null :', replace: 'true ? null :' },
  { name: 'mirrors no calls', file: canary, find: "step.type === 'shadow' ? {", replace: 'false ? {' },
  { name: 'mirrors all calls', file: canary, find: 'percent: step.percent }', replace: 'percent: 100 }' },
  {
    name: 'a shadow ends before its time',
    file: canary,
    find: "timed(now, since + step.forMs, skipped, 'mirrored",
    replace: "timed(now, since, skipped, 'mirrored",
  },
];
