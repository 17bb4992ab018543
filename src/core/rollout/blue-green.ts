/**
 * Blue-green: the whole target comes up beside stable, is checked through the preview route, and takes all calls in one
 * switch, by itself or when somebody promotes it. stable stays up for `keepOldFor` after that: the engine keeps it.
 */
import { beforeTraffic, groupWait, switching, waiting, type Standing, type Step } from './strategy.ts';

export function blueGreen(standing: Standing): Step {
  const before = beforeTraffic(standing, standing.replicas);
  if (before !== null) return before;
  const { rollout, migration } = standing;
  const previewing = (waitsOn: Step['waitsOn'], waitsFor: string): Step => ({
    ...waiting(standing, 'Previewing', waitsOn, waitsFor),
    preview: true,
  });
  if (rollout.phase !== 'Switching') {
    if (!standing.previewPasses) return previewing('instances', 'the checks through the preview route');
    if (!migration.blueGreen.autoPromote && rollout.promoted === null) return previewing('person', 'somebody to say `rollout promote`');
    if (!standing.groupOpen) return { ...waiting(standing, 'Gathering', 'group', groupWait), preview: true };
  }
  return { ...switching(standing), preview: true };
}
