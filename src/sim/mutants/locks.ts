/** Mistakes about what `fairlead.lock` names: who may be called, what is taken back for it, and what is tried again. */
import type { Mutant } from './mutant.ts';

const locked = 'rollout/locked.ts';
const gate = 'rollout/gate.ts';
const judge = 'rollout/judge.ts';
const engine = 'rollout/engine.ts';
const drift = 'drift.ts';

export const lockMutants: readonly Mutant[] = [
  { name: 'the gate asks no lock', file: gate, find: 'if (!lockIsOpen(pass)) return false;', replace: '' },
  {
    name: 'the lock is open before it is seen what is offered',
    file: locked,
    find: 'offeredByTarget(pass).length > 0 && unapproved(pass) === undefined',
    replace: 'unapproved(pass) === undefined',
  },
  { name: 'the lock approves nothing', file: locked, find: ' || record.desired?.lock?.contract === contract', replace: '' },
  {
    name: 'a manifest approves nothing that is not locked',
    file: locked,
    find: 'approved !== null && contract',
    replace: 'false && contract',
  },
  { name: 'a way back is held to the lock', file: locked, find: '[stableContract, before?.contract]', replace: '[stableContract]' },
  {
    name: "stable's own contract must be locked as well",
    file: locked,
    find: '[stableContract, before?.contract]',
    replace: '[before?.contract]',
  },
  { name: 'nothing is taken back for the lock', file: judge, find: 'if (unlocked !== null) return unlocked;', replace: '' },
  {
    name: 'what the lock takes back has not been compared',
    file: judge,
    find: '(direct === null && record.stableContract !== null && compared === null)',
    replace: 'false',
  },
  {
    name: 'forgets for what contract the lock took it back',
    file: judge,
    find: 'failure.message, failure.contract)',
    replace: 'failure.message)',
  },
  {
    name: 'a first deployment waits for no lock',
    file: engine,
    find: 'rollout.stable === null || isAtTheEnd.has(rollout.phase) ?',
    replace: 'isAtTheEnd.has(rollout.phase) ?',
  },
  {
    name: 'calls wait for a lock while nothing can be taken back',
    file: engine,
    find: 'rollout.stable === null || isAtTheEnd.has(rollout.phase) ?',
    replace: 'rollout.stable === null ?',
    from: 28_001,
  },
  {
    name: 'a rejection for the lock is for ever',
    file: locked,
    find: 'if (rejection?.reason !== notLocked) return;',
    replace: 'if (rejection !== null) return;',
  },
  {
    name: 'a rejection for the lock is lifted by any lock',
    file: locked,
    find: 'rejection.contract === undefined || !isApproved(pass, record.desired!, rejection.contract)',
    replace: 'false',
  },
  {
    name: 'a rejection outlives the lock',
    file: locked,
    find: 'if (lock !== undefined && (rejection',
    replace: 'if ((rejection',
  },
  {
    name: "stable's manifest lifts a rejection for the lock",
    file: locked,
    find: '!isApproved(pass, record.desired!, rejection.contract)',
    replace: '!isApproved(pass, serviceOf(record, revision.hash), rejection.contract)',
  },
  {
    name: 'drift that the lock approves goes on as drift',
    file: drift,
    find: 'if (approved.length > 0 && !approved.includes(record.stableContract))',
    replace: 'if (false)',
  },
  {
    name: 'of two contracts, one by the lock, takes now this and now that',
    file: drift,
    find: '!approved.includes(record.stableContract)) {',
    replace:
      'approved.some((hash) => hash !== record.stableContract)) {\n    approved.sort((a) => (a === record.stableContract ? 1 : -1));',
    from: 10_001,
  },
];
