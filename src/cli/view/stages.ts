/** The way of a Rollout as a row of stages, the present one marked: what was, what is, what is to come. Pure. */
import type { RolloutStatus } from '../../model/resource.ts';
import type { Paint } from './paint.ts';

export interface Stages {
  readonly names: readonly string[];
  /** Index of the present one. */
  readonly present: number;
}

/** Of a Rollout under way. */
export function stagesOf(rollout: RolloutStatus): Stages {
  const { strategy, direct, phase, steps, step } = rollout;
  const middle =
    direct === 'exclusive'
      ? ['swap']
      : direct !== null || strategy === 'in-place'
        ? []
        : strategy === 'rolling'
          ? ['replace']
          : strategy === 'blue-green'
            ? ['preview']
            : steps;
  const names = [...(direct === 'exclusive' ? [] : ['prove']), ...middle, 'switch'];
  switch (phase) {
    case 'Proving':
      return { names, present: 0 };
    case 'Swapping':
      return { names, present: names.indexOf('swap') };
    case 'Replacing':
    case 'Previewing':
      return { names, present: 1 };
    case 'Stepping':
      return { names, present: Math.min(1 + (step ?? 0), names.length - 1) };
    case 'Gathering':
      return gathering(names, middle[0] === 'replace' || middle[0] === 'swap' ? names.indexOf(middle[0]) : names.length - 1);
    default:
      return { names, present: names.length - 1 };
  }
}

/** Waiting for the group is a stage only while it is the present one: whether there is a group is not told before. */
function gathering(names: readonly string[], at: number): Stages {
  return { names: names.toSpliced(at, 0, 'gather'), present: at };
}

/** `✓ prove › ✓ setWeight 10 › ▶ pause 1m › setWeight 50 › switch`; `stands`: somebody has paused it. */
export function stageRow({ names, present }: Stages, stands: boolean, paint: Paint): string {
  const mark = stands ? '‖' : '▶';
  return names
    .map((name, index) => {
      if (index < present) return paint.good(`✓ ${name}`);
      return index === present ? paint.bold(`${mark} ${name}`) : paint.dim(name);
    })
    .join(' › ');
}
