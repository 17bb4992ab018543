/** How simulated manifests say that changes are to be moved in: strategies with all their settings, drawn at random but sensible. */
import type { Amount, AnalysisCheck, CanaryStep, GateAction, Migration, StrategyName } from '../model/service.ts';
import type { Prng } from './prng.ts';

export const strategyNames: readonly StrategyName[] = ['in-place', 'rolling', 'blue-green', 'canary'];
export const groupName = 'group';
/** The check that shows through the preview route who fails there. */
export const previewCheck = 'works';

export interface SettingsWish {
  /** Steps and waits are so short that a Rollout is over well before the next Change. */
  readonly calm: boolean;
  /** Only this strategy; null: any. */
  readonly only: StrategyName | null;
}

export function drawMigration(prng: Prng, { calm, only }: SettingsWish): Migration {
  const drawn = prng.weighted<StrategyName>([
    ['in-place', 2],
    ['rolling', 2],
    ['blue-green', 2],
    ['canary', 4],
  ]);
  return withSteps({
    strategy: only ?? drawn,
    progressDeadlineMs: calm ? 600_000 : prng.pick([20_000, 60_000, 300_000, 600_000]),
    rollback: {
      automatic: prng.chance(0.95),
      window: prng.between(0, 3),
      ifUnhealthyWithinMs: prng.chance(0.3) ? prng.pick([30_000, 300_000]) : 0,
    },
    contract: {
      breaking: drawGate(prng, 4),
      descriptions: drawGate(prng, 1),
      drift: prng.chance(0.5) ? 'warn' : 'quarantine',
      approved: null,
    },
    releaseTogether: prng.chance(0.15) ? groupName : null,
    rolling: { maxSurge: drawAmount(prng), maxUnavailable: drawAmount(prng) },
    blueGreen: {
      autoPromote: prng.chance(0.8),
      prePromotion: prng.pick([[], [previewCheck], ['alive', previewCheck]]),
      keepOldForMs: prng.pick([0, 0, 10_000, 120_000]),
    },
    canary: { steps: drawSteps(prng, calm), analysis: drawAnalysis(prng) },
    stepsHash: '',
  });
}

/** The same with its steps' hash made anew. */
export function withSteps(migration: Migration): Migration {
  return { ...migration, stepsHash: `${migration.strategy} ${JSON.stringify(migration.canary.steps)}` };
}

function drawGate(prng: Prng, block: number): GateAction {
  return prng.weighted([
    ['block', block],
    ['warn', 1],
    ['allow', 1],
  ]);
}

function drawAmount(prng: Prng): Amount {
  return prng.chance(0.6) ? { count: prng.between(0, 2) } : { share: prng.pick([0.25, 0.34, 0.5, 1]) };
}

export function drawSteps(prng: Prng, calm: boolean): readonly CanaryStep[] {
  const count = prng.between(0, 6);
  const longestMs = calm ? 60_000 : 30_000;
  const steps: CanaryStep[] = [];
  for (let index = 0; index < count; index++) {
    steps.push(
      prng.weighted<CanaryStep>([
        [{ type: 'setWeight', weight: prng.pick([0, 1, 5, 10, 25, 50, 75, 100]) }, 6],
        [{ type: 'pause', durationMs: prng.between(100, longestMs) }, 3],
        [{ type: 'pause', durationMs: null }, 1],
        [{ type: 'analysis', forMs: prng.between(1_000, longestMs) }, 3],
        [{ type: 'setReplicas', replicas: prng.between(1, 3) }, 1.5],
        [
          {
            type: 'shadow',
            forMs: prng.between(1_000, longestMs),
            tools: ['tool-*'],
            percent: prng.pick([10, 100]),
            maxDifferent: prng.chance(0.7) ? 0.1 : null,
          },
          1.5,
        ],
      ]),
    );
  }
  return steps;
}

function drawAnalysis(prng: Prng): Migration['canary']['analysis'] {
  const relative = prng.pick([null, 1.5, 2]);
  const checks: AnalysisCheck[] = [];
  if (prng.chance(0.9))
    checks.push({ type: 'errorRate', name: 'errors', of: prng.pick(['all', 'tool']), max: 0.05, versusStable: relative });
  if (prng.chance(0.7))
    checks.push({ type: 'latency', name: 'p95', quantile: 0.95, maxMs: relative === null ? 200 : null, versusStable: relative });
  if (prng.chance(0.3)) {
    const limits = { name: 'metric', url: 'http://metrics.example/', min: null, max: 100, timeoutMs: 1_000 };
    checks.push(prng.chance(0.5) ? { type: 'http', ...limits } : { type: 'prometheus', query: 'up', ...limits });
  }
  return { intervalMs: prng.pick([5_000, 15_000, 30_000]), minCalls: prng.pick([10, 30, 100]), failureLimit: prng.between(0, 2), checks };
}
