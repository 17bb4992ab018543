/** Mistakes about manifests, commands and what is said of a Service. */
import type { Mutant } from './mutant.ts';

const declaration = 'declaration.ts';
const commands = 'commands.ts';
const conditions = 'conditions.ts';

export const serviceMutants: readonly Mutant[] = [
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
    from: 13_600,
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
    from: 8_901,
  },
  {
    name: 'forgets that a manifest is spoilt when it cannot be read',
    file: conditions,
    find: '[known.status, known.reason, known.message]',
    replace: "['True', 'Compiled', '']",
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
