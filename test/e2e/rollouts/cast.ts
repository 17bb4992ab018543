/**
 * Who plays in the storm of Rollouts: a service of each strategy over each transport, and the ways in which a change of it
 * is bad, each of which one gate of its strategy must catch.
 */
import type { StrategyName } from '../../../src/model/service.ts';
import type { EchoSpec } from '../stand.ts';

export type Mode = NonNullable<EchoSpec['mode']>;

export interface Part {
  readonly strategy: StrategyName;
  readonly spec: Omit<EchoSpec, 'tag' | 'mode'>;
  /** How a change can be bad so that this strategy must take it back. */
  readonly bad: readonly Mode[];
}

/** Times of the services, in ms: how long bound sessions go on at what retires, and how long blue-green keeps stable. */
export const drainMs = 3_000;
export const keepOldForMs = 2_000;
/** Of the canaries: the time between two measurements in ms, and the calls that the target must have before one says anything. */
export const intervalMs = 1_000;
export const minCalls = 20;

/** What a Rollout that was taken back says as its reason, by what was bad. */
export const reasonOf: Partial<Readonly<Record<Mode, string>>> = {
  'no-such-command': 'CommandNotFound',
  hang: 'HandshakeTimeout',
  unwell: 'CheckFailed',
  breaking: 'ContractBreaking',
  errors: 'AnalysisFailed',
  sluggish: 'AnalysisFailed',
};
/** Changes that may get calls: nothing is wrong with them, or nothing that shows before they do. */
export const mayServe: ReadonlySet<Mode> = new Set<Mode>(['ok', 'errors', 'sluggish']);

const seenBeforeTraffic: readonly Mode[] = ['no-such-command', 'breaking', 'unwell', 'hang'];
const seenUnderLoad: readonly Mode[] = ['errors', 'sluggish'];
/** An absolute limit on all errors: where Instances of stable are killed, stable's own errors would excuse those of the target. */
const checks = [{ errorRate: { max: '10%', versusStable: '1.5x' } }, { p95: { versusStable: '1.5x' } }];
const analysis = { interval: `${intervalMs}ms`, minCalls, failureLimit: 0, checks };

const strategies: readonly (Omit<Part, 'spec'> & Pick<EchoSpec, 'replicas' | 'migration'>)[] = [
  { strategy: 'in-place', bad: seenBeforeTraffic, migration: { strategy: 'in-place' } },
  { strategy: 'rolling', bad: seenBeforeTraffic, replicas: 3, migration: { strategy: 'rolling' } },
  {
    strategy: 'blue-green',
    bad: seenBeforeTraffic,
    migration: { strategy: 'blue-green', blueGreen: { keepOldFor: `${keepOldForMs}ms` } },
  },
  {
    strategy: 'canary',
    bad: [...seenUnderLoad, 'breaking', ...seenUnderLoad, 'unwell'],
    // Two, so that a kill leaves something of stable to compare with.
    replicas: 2,
    migration: {
      strategy: 'canary',
      // Long enough that a machine with much else to do makes the calls that tell slow from slowed down.
      canary: { steps: [{ setWeight: 30 }, { analysis: { for: '1s' } }, { setWeight: 50 }, { analysis: { for: '5s' } }], analysis },
    },
  },
];

export const cast: readonly Part[] = strategies.flatMap(({ strategy, bad, ...rest }) =>
  (['stdio', 'http'] as const).map((transport) => ({
    strategy,
    bad,
    spec: { name: `${strategy}-${transport}`, transport, limits: { drainTimeout: `${drainMs}ms` }, ...rest },
  })),
);

/** Canaries that stand at a weight until somebody says `rollout promote`, and are not judged: to measure weights on. */
export const weightsMeasured = [10, 50] as const;
export const scales: readonly EchoSpec[] = (['stdio', 'http'] as const).map((transport) => ({
  name: `scale-${transport}`,
  transport,
  tag: 'r0',
  limits: { drainTimeout: `${drainMs}ms` },
  migration: {
    strategy: 'canary',
    canary: {
      steps: weightsMeasured.flatMap((setWeight) => [{ setWeight }, { pause: {} }]),
      analysis: { minCalls: 1_000_000 },
    },
  },
}));
