/**
 * How the simulated Instances of a Revision behave: good ones, every kind of bad one, and those whose fate depends on
 * when one looks. A Revision's behaviour never changes, so that what should become of it can be said beforehand.
 */
import type { ProcessRun, Revision } from '../model/revision.ts';
import type { Prng } from './prng.ts';

export type BehaviourKind =
  | 'good'
  | 'slow'
  | 'stubborn'
  | 'flaky-start'
  | 'flapping-check'
  | 'no-command'
  | 'exits-at-start'
  | 'hangs'
  | 'check-fails'
  | 'check-errors'
  | 'crash-loop'
  | 'regresses'
  | 'errors-under-load'
  | 'slow-under-load'
  | 'bad-metric'
  | 'answers-differ'
  | 'fails-in-preview';

export interface Behaviour {
  readonly kind: BehaviourKind;
  /**
   * good: reaches Ready and stays. bad: never becomes Ready. unsteady: becomes Ready and does not stay; whether it is
   * promoted first depends on timing. loaded: reaches Ready and stays, and only what a strategy looks at beyond that
   * (traffic, metrics, mirrored answers, the preview) shows that it is bad.
   */
  readonly worth: 'good' | 'bad' | 'unsteady' | 'loaded';
  readonly startMs: number;
  readonly handshakeMs: number;
  readonly checkMs: number;
  /** Milliseconds from connected to its exit; null: lives. */
  readonly upMs: number | null;
  /** Milliseconds from connected to the first failing check; null: they pass. */
  readonly passesForMs: number | null;
  /** Milliseconds to stop after SIGTERM; null: only SIGKILL at stopTimeout ends it. */
  readonly stopMs: number | null;
  /** So many of its starts fail before one comes up. */
  readonly failsFirst: number;
  /** Share of its calls that are answered by an error (0..1). */
  readonly errorRate: number;
  /** By how many latency buckets it is slower than usual; five are about three times as slow. */
  readonly slowerBy: number;
  /** Share of mirrored calls that it answers otherwise than stable (0..1). */
  readonly differs: number;
  /** How many of its first checks through the preview route break before one can be made. */
  readonly previewErrors: number;
}

const good: readonly (readonly [BehaviourKind, number])[] = [
  ['good', 6],
  ['slow', 1],
  ['stubborn', 1],
  ['flaky-start', 1],
  ['flapping-check', 1],
];
const bad: readonly (readonly [BehaviourKind, number])[] = [
  ['no-command', 1],
  ['exits-at-start', 1],
  ['hangs', 1],
  ['check-fails', 1],
  ['check-errors', 1],
];
const unsteady: readonly (readonly [BehaviourKind, number])[] = [
  ['crash-loop', 1],
  ['regresses', 1],
];
const loaded: readonly (readonly [BehaviourKind, number])[] = [
  ['errors-under-load', 3],
  ['slow-under-load', 3],
  ['bad-metric', 1],
  ['answers-differ', 1],
  ['fails-in-preview', 2],
];
/** Errors among the calls of a Revision that is well. */
const usualErrorRate = 0.01;

export function drawBehaviour(prng: Prng, worth: Behaviour['worth']): Behaviour {
  const kind = prng.weighted({ good, bad, unsteady, loaded }[worth]);
  const slow = kind === 'slow';
  return {
    kind,
    worth,
    startMs: slow ? prng.between(3_000, 4_000) : prng.between(50, 1_500),
    handshakeMs: prng.between(5, 300),
    checkMs: prng.between(5, 200),
    upMs: kind === 'crash-loop' ? prng.between(200, 20_000) : null,
    passesForMs: kind === 'check-fails' ? 0 : kind === 'regresses' ? prng.between(1_000, 60_000) : null,
    stopMs: kind === 'stubborn' ? null : prng.between(2, 300),
    failsFirst: kind === 'flaky-start' ? prng.between(1, 2) : 0,
    errorRate: kind === 'errors-under-load' ? prng.between(25, 50) / 100 : usualErrorRate,
    slowerBy: kind === 'slow-under-load' ? prng.between(8, 10) : 0,
    differs: kind === 'answers-differ' ? 0.5 : 0,
    previewErrors: prng.between(0, 2),
  };
}

export function drawRevision(prng: Prng, service: string, exclusive: boolean): Revision {
  let hash = '';
  for (let word = 0; word < 8; word++) hash += prng.next().toString(16).padStart(8, '0');
  const run: ProcessRun = {
    runtime: 'process',
    transport: exclusive ? 'http' : 'stdio',
    command: ['server', hash.slice(0, 8)],
    cwd: '/srv',
    env: {},
    port: exclusive ? 9_000 : null,
    path: '/mcp',
    isolation: 'shared',
    sandbox: 'basic',
    exclusive,
    maxMessageBytes: 1_048_576,
  };
  return { name: `${service}-${hash.slice(0, 8)}`, hash, run };
}
