/** Mistakes about what lets a Rollout go on or takes it back later: contract gate, drift, group, fallback. */
import type { Mutant } from './mutant.ts';

const gate = 'rollout/gate.ts';
const drift = 'drift.ts';
const regression = 'rollout/regression.ts';
const judge = 'rollout/judge.ts';
const standing = 'rollout/standing.ts';
const inPlace = 'rollout/in-place.ts';
const engine = 'rollout/engine.ts';
const verdict = 'rollout/verdict.ts';
const instances = 'instances.ts';

export const releaseMutants: readonly Mutant[] = [
  // Contract gate
  { name: 'a breaking contract is only told', file: gate, find: "contract.class === 'breaking' && breaking === 'block'", replace: 'false' },
  {
    name: 'a breaking contract is always blocked',
    file: gate,
    find: "contract.class === 'breaking' && breaking === 'block'",
    replace: "contract.class === 'breaking'",
  },
  { name: 'a review is blocked though it is only to be told', file: gate, find: "review && descriptions === 'block'", replace: 'review' },
  { name: 'a review is never blocked', file: gate, find: "review && descriptions === 'block'", replace: 'false' },
  {
    name: 'a compatible contract is blocked',
    file: gate,
    find: "contract.class === 'breaking' && breaking",
    replace: 'contract.class !== null && breaking',
  },
  {
    name: 'the gate is asked of a return',
    file: gate,
    find: 'return direct === null && stable !== null;',
    replace: 'return stable !== null;',
    from: 2_501,
  },
  {
    name: 'the gate is open until the contracts are known',
    file: gate,
    find: 'return !blocks || (pass.observation !== null && (hashesOf(pass)[0] === null || offersNothing(pass)));',
    replace: 'return true;',
  },
  {
    name: 'the gate never opens while contracts are unknown',
    file: gate,
    find: 'if (from !== to && (stable === undefined || target === undefined)) return;',
    replace: 'if (from !== to) return;',
  },
  {
    name: 'compares the wrong way round',
    file: gate,
    find: 'compareContracts(stable, target)',
    replace: 'compareContracts(target, stable)',
  },
  {
    name: 'compares with what stable has drifted to',
    file: gate,
    find: 'record.stableContract ?? contractOf(pass, record.stable!.hash)',
    replace: 'contractOf(pass, record.stable!.hash) ?? record.stableContract',
  },
  // Drift
  {
    name: 'drift is not seen',
    file: drift,
    find: 'const other = offered.find((hash) => hash !== record.stableContract && !approved.includes(hash));',
    replace: 'const other = offered.find(() => false);',
  },
  {
    name: 'drift is taken for what it was promoted with',
    file: drift,
    find: 'record.stableContract ??= offered[0]!;',
    replace: 'record.stableContract = offered[0]!;',
  },
  {
    name: 'drift is hidden though it is only to be told',
    file: drift,
    find: " || (stableService ?? desired)!.migration.contract.drift !== 'quarantine'",
    replace: '',
  },
  {
    name: 'what is sent away offers nothing before the host follows',
    file: instances,
    find: " || (duty === 'retire' && dutySeenAt === null)",
    replace: '',
    from: 600_300_001,
  },
  {
    name: 'nobody looks at what else comes with a promotion',
    file: verdict,
    find: '  judgeContract(pass);\n',
    replace: '',
    from: 5_001,
  },
  // Group
  { name: 'no group waits', file: standing, find: "given.group.every(({ stands }) => stands !== 'moving')", replace: 'true' },
  {
    name: 'forgets that the group let it go',
    file: engine,
    find: 'const released = rollout.released || (pass.given.group.length > 0 && isBeyondGroup.has(phase));',
    replace: 'const released = rollout.released;',
  },
  {
    name: 'in-place goes past its group',
    file: inPlace,
    find: "if (!standing.groupOpen) return waiting(standing, 'Gathering', 'group', groupWait);",
    replace: '',
  },
  {
    name: 'stays when its group is taken back',
    file: judge,
    find: "stands: how }) => how === 'rejected'",
    replace: 'stands: how }) => false',
  },
  {
    name: 'a group that waits is taken for one that was taken back',
    file: judge,
    find: "stands: how }) => how === 'rejected'",
    replace: "stands: how }) => how === 'moving'",
  },
  {
    name: 'a rejection for the group is for ever',
    file: regression,
    find: "stands === 'rejected')) return; record",
    replace: 'true)) return;\n  record',
  },
  { name: 'is taken back for a later release of its group', file: regression, find: ' && together?.[service] === snapshot', replace: '' },
  // Fallback
  { name: 'never falls back', file: regression, find: 'if (found === null) return;', replace: 'if (true) return;' },
  {
    name: 'falls back though nobody said so',
    file: regression,
    find: 'if (withinMs === 0 || now >= endsAt) return null;',
    replace: 'if (now >= endsAt && withinMs !== 0) return null;',
  },
  { name: 'falls back at any time', file: regression, find: 'withinMs === 0 || now >= endsAt', replace: 'withinMs === 0' },
  { name: 'falls back after one failure', file: regression, find: 'const failuresThatCount = 2;', replace: 'const failuresThatCount = 1;' },
  {
    name: 'does not remember what it fell back from',
    file: regression,
    find: 'remember(pass, stable, reason, message, record.stableService?.origin.snapshot ?? record.observedSnapshot);',
    replace: '',
  },
  { name: 'a fallback goes by steps', file: engine, find: "return 'fallback';", replace: 'return null;' },
  { name: 'failures before a promotion count after it', file: regression, find: ' && at > promotedAt && at <= now', replace: '' },
];
