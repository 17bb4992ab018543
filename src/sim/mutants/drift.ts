/** Mistakes about what the Host does otherwise than its Plan says. What a Contract drifts to is with what lets a Rollout go on. */
import type { Mutant } from './mutant.ts';

const host = 'host-drift.ts';
const drifts = 'drifts.ts';

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
];
