/** Mistakes about Instances: proof, duties, drains, back-offs. */
import type { Mutant } from './mutant.ts';

const instances = 'instances.ts';
const restart = 'restart.ts';

export const instanceMutants: readonly Mutant[] = [
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
    name: 'stops without draining',
    file: instances,
    find: 'if (!idle && now < deadlineAt) wake(pass, deadlineAt);',
    replace: 'if (false) ;',
  },
  { name: 'drains before the host follows', file: instances, find: ' || observation.routeGeneration < leaving.dutyPlan', replace: '' },
  {
    name: 'a drain runs from when it was decided',
    file: instances,
    find: 'leaving.dutySeenAt ?? now',
    replace: 'leaving.dutySince',
    from: 3_001,
  },
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
    find: 'running.some((known) => known?.hash === revision)',
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
];
