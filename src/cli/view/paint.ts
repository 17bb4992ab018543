/** Colours by meaning, not by name. `plain` says the same without them. */
import { styleText } from 'node:util';
import type { HealthState, LifecycleState } from '../../model/record.ts';

export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly busy: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const same = (text: string): string => text;
export const plain: Paint = { good: same, bad: same, warn: same, busy: same, dim: same, bold: same };

const style =
  (format: Parameters<typeof styleText>[0]) =>
  (text: string): string =>
    text === '' ? '' : styleText(format, text, { validateStream: false });
export const inColour: Paint = {
  good: style('green'),
  bad: style('red'),
  warn: style('yellow'),
  busy: style('cyan'),
  dim: style('dim'),
  bold: style('bold'),
};

const stateTones: Record<LifecycleState, keyof Paint> = {
  Draft: 'dim',
  Validating: 'busy',
  Deploying: 'busy',
  Active: 'good',
  Updating: 'busy',
  Deactivating: 'busy',
  Inactive: 'dim',
  Error: 'bad',
};
const healthTones: Record<HealthState, keyof Paint> = { HEALTHY: 'good', DEGRADED: 'warn', DOWN: 'bad', UNKNOWN: 'dim' };

/** A lifecycle state, health, rollout result or condition status in the colour of its meaning; other words as they are. */
export function paintWord(paint: Paint, word: string): string {
  const tone =
    stateTones[word as LifecycleState] ??
    healthTones[word as HealthState] ??
    ({ Promoted: 'good', RolledBack: 'bad', Aborted: 'warn', Superseded: 'dim', Warning: 'warn', True: 'good', False: 'bad' } as const)[
      word
    ];
  return tone === undefined ? word : paint[tone](word);
}
