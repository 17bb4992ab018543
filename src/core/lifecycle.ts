/**
 * The lifecycle of a Service: which states may follow which, and the way from one to another. A jump over several
 * states is told as each of its steps, so that every transition in the log is one of the table's.
 */
import type { LifecycleState } from '../model/record.ts';
import { say, type Pass } from './pass.ts';

/** Removal and deactivation may begin anywhere; anything may fail; everything else is the way up. */
export const transitions: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  Draft: ['Validating', 'Deactivating', 'Error'],
  Validating: ['Deploying', 'Deactivating', 'Error'],
  Deploying: ['Active', 'Deactivating', 'Error'],
  Active: ['Updating', 'Deactivating', 'Error'],
  Updating: ['Active', 'Deactivating', 'Error'],
  Deactivating: ['Inactive', 'Draft', 'Error'],
  Inactive: ['Validating', 'Deactivating', 'Draft', 'Error'],
  Error: ['Validating', 'Deactivating'],
};

/** The shortest way, first step to last; never by way of Error. Empty when already there. */
export function way(from: LifecycleState, to: LifecycleState): LifecycleState[] {
  if (from === to) return [];
  const paths: LifecycleState[][] = [[from]];
  for (const path of paths) {
    for (const next of transitions[path.at(-1)!]) {
      if (next === to) return [...path.slice(1), next];
      if (next !== 'Error' && !path.includes(next)) paths.push([...path, next]);
    }
  }
  return [];
}

/** Moves the Record to a state, one Event a step. */
export function enter(pass: Pass, state: LifecycleState, reason: string, message: string): void {
  const { record } = pass;
  for (const next of way(record.state, state)) {
    const revision = (record.target ?? record.stable)?.name ?? null;
    say(
      pass,
      next === 'Error' ? 'Warning' : 'Normal',
      `Entered${next}`,
      `${record.state} → ${next} (${reason})${message === '' ? '' : `: ${message}`}`,
      { revision },
    );
    record.state = next;
    record.stateSince = pass.now;
  }
}
