/**
 * Blue-green: the whole target comes up beside stable, is checked through the preview route, and takes all calls in one
 * switch, by itself or when somebody promotes it. stable stays up for `keepOldFor` after that: the engine keeps it.
 */
import {
  beforeTraffic,
  checksPass,
  checksWait,
  groupWait,
  promoteWait,
  provenOf,
  switching,
  waiting,
  type Standing,
  type Step,
} from './strategy.ts';

export function blueGreen(standing: Standing): Step {
  const { rollout, migration, held } = standing;
  const previewing = (waitsOn: Step['waitsOn'], waitsFor: string): Step => ({
    ...waiting(standing, 'Previewing', waitsOn, waitsFor),
    preview: provenOf(standing, standing.replicas) > 0,
  });
  // What is on the preview route stays there while nothing may move.
  if (held !== null && (rollout.phase === 'Previewing' || rollout.phase === 'Gathering')) return previewing('person', held);
  const before = beforeTraffic(standing, standing.replicas);
  if (before !== null) return before;
  if (rollout.phase !== 'Switching') {
    if (!standing.previewPasses) return previewing('instances', 'the checks through the preview route');
    if (!migration.blueGreen.autoPromote && rollout.promoted === null) return previewing('person', promoteWait);
    if (!checksPass(standing, standing.replicas)) return previewing('instances', checksWait);
    if (!standing.groupOpen) return { ...waiting(standing, 'Gathering', 'group', groupWait), preview: true };
  }
  return { ...switching(standing), preview: true };
}
