/** Mistakes about what the Host does otherwise than its Plan says. What a Contract drifts to is with what lets a Rollout go on. */
import type { Mutant } from './mutant.ts';

const host = 'host-drift.ts';
const drifts = 'drifts.ts';
const plan = 'plan.ts';

export const driftMutants: readonly Mutant[] = [
  { name: 'looks at nothing of the host', file: host, find: 'observation.planGeneration !== before.planGeneration', replace: 'true' },
  { name: 'leaves strangers running', file: host, find: 'return corrects && extra.length > 0;', replace: 'return false;' },
  { name: 'lets what is lost be lost', file: host, find: 'if (given.length > 0) record', replace: 'if (false) record' },
  { name: 'replaces at once what the host may yet start', file: drifts, find: 'now - since >= grace.forMs', replace: 'true' },
  {
    name: 'says no plan again for a route',
    file: host,
    find: 'if (wrongRoute || tooMany) repeatPlan(pass);',
    replace: 'if (tooMany) repeatPlan(pass);',
  },
  { name: 'says the plan again at each pass', file: host, find: 'now - at >= repeatMs', replace: 'true' },
  {
    name: 'never wakes to see whether it lasts',
    file: drifts,
    find: 'wake(pass, (shown ? sameSince : since) + grace.forMs);',
    replace: '',
  },
  { name: 'goes on saying what is over', file: drifts, find: '    replace(pass, kind, null);\n', replace: '' },
  { name: 'takes the time of an earlier plan for that of this one', file: drifts, find: 'known.plan === grace.plan', replace: 'true' },
  { name: 'gives up at once what has just gone missing', file: host, find: 'pass.now - drift.sameSince < followMs', replace: 'false' },
  { name: 'spares nobody, by any policy', file: host, find: 'corrects ? [] : extra.map', replace: 'true ? [] : extra.map' },
  {
    name: 'fights what it is only to report',
    file: host,
    find: 'return corrects && extra.length > 0;',
    replace: 'return extra.length > 0;',
  },
  {
    name: 'spares at once what may be a matter of moments',
    file: host,
    find: 'pass.now - drift.sameSince < followMs) return',
    replace: 'false) return',
  },
  {
    name: 'goes on sparing when the policy is to correct',
    file: host,
    find: "(given.driftPolicy === 'correct' || !maySpare(pass))",
    replace: '!maySpare(pass)',
  },
  {
    name: 'goes on sparing where there is no room any more',
    file: host,
    find: "(given.driftPolicy === 'correct' || !maySpare(pass))",
    replace: "given.driftPolicy === 'correct'",
  },
  { name: 'spares beside what should not run', file: host, find: "return goalOf(pass) === 'running' && stable", replace: 'return stable' },
  { name: 'spares what lives alone and leaves', file: host, find: ' && !isHeldUp', replace: '', from: 17_101 },
  { name: 'spares beside a target that lives alone', file: host, find: ' && target?.run.exclusive !== true', replace: '' },
  { name: 'spares beside a stable that lives alone', file: host, find: 'stable?.run.exclusive !== true && ', replace: '' },
  {
    name: 'spares what came first alone',
    file: host,
    find: 'if (ids.join() !== record.spared.join())',
    replace: 'if (record.spared.length === 0)',
  },
  {
    name: 'goes on sparing what is gone',
    file: host,
    find: 'if (drift === undefined && record.spared.length > 0) record.spared = [];',
    replace: '',
  },
  {
    name: 'only reports what is lost, too',
    file: host,
    find: 'const given = [...missing,',
    replace: 'const given = [...(corrects ? missing : []),',
  },
  {
    name: 'corrects a route that it is only to report',
    file: host,
    find: "return pass.given.driftPolicy === 'correct' || (routed === null && should !== null);",
    replace: 'return true;',
  },
  {
    name: 'leaves a name unpublished by policy',
    file: host,
    find: ' || (routed === null && should !== null)',
    replace: '',
  },
  { name: 'tells the host of nobody that is spared', file: plan, find: 'spared: record.spared', replace: 'spared: []' },
  { name: 'spares others under the same plan', file: plan, find: ' || before.spared !== after.spared', replace: '' },
];
