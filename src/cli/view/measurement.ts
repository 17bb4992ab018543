/** A Measurement of an analysis, and what mirrored calls came to, for a person: the outcome, then each judgement with its numbers. Pure. */
import type { MeasurementStatus, ShadowStatus } from '../../model/resource.ts';
import type { Outcome } from '../../model/rollout.ts';
import type { Paint } from './paint.ts';
import { age } from './resource-table.ts';
import { oneLine } from './table.ts';

const worstFirst: readonly Outcome[] = ['fail', 'error', 'inconclusive', 'pass'];

/** First the outcome, then its reasons indented, the worst first. */
export function measurementLines({ outcome, at, calls, judgements }: MeasurementStatus, now: number, paint: Paint): string[] {
  const sorted = judgements.toSorted((a, b) => worstFirst.indexOf(a.outcome) - worstFirst.indexOf(b.outcome));
  return [
    `${paintOutcome(outcome, paint)} ${age(at, now)} ago, over ${calls.target} calls of the target and ${calls.stable} of stable`,
    ...sorted.map((judgement) => `  ${paintOutcome(judgement.outcome, paint)} ${judgement.check}: ${oneLine(judgement.message)}`),
  ];
}

/** `fail` in the colour of its meaning. */
export function paintOutcome(outcome: Outcome, paint: Paint): string {
  return ({ pass: paint.good, fail: paint.bad, inconclusive: paint.dim, error: paint.warn } as const)[outcome](outcome);
}

/** How many calls were mirrored and how they compared; then where answers differ, newest first. */
export function shadowLines(shadow: ShadowStatus, paint: Paint): string[] {
  const { calls, same, different, failed, skipped, examples } = shadow;
  const counts = [
    `${same} the same`,
    ...(different > 0 ? [paint.warn(`${different} different`)] : []),
    ...(failed > 0 ? [paint.bad(`${failed} not answered`)] : []),
  ];
  return [
    `${calls} calls mirrored: ${counts.join(', ')}${skipped > 0 ? `; ${skipped} left out, because too many were under way` : ''}`,
    ...examples.map(
      ({ tool, path, stable, target }) =>
        `  ${oneLine(tool)} ${oneLine(path) || 'result'}: stable ${oneLine(stable)}, target ${oneLine(target)}`,
    ),
  ];
}
