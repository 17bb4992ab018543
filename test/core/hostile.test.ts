/** Mixtures that break rollouts elsewhere: two features at once, a person at the wrong moment, time and hosts that jump. */
import { describe, expect, it as situation } from 'vitest';
import type { CheckResult } from '../../src/model/observation.ts';
import type { CanaryStep } from '../../src/model/service.ts';
import { migrationOf, type MigrationParts } from '../fixtures/migration.ts';
import { revision, service, serving, Situation } from './situation.ts';

const [v1, v2, v3] = [revision('v1'), revision('v2'), revision('v3')];
const minute = 60_000;

function update(version: string, parts: MigrationParts, more: Parameters<typeof service>[1] = {}) {
  return service(version, { migration: migrationOf(parts), ...more });
}

function of(it: Situation, hash: string, duty = 'serve'): number {
  return it.record!.instances.filter((instance) => instance.revision === hash && instance.duty === duty).length;
}

function alive(outcome: 'pass' | 'fail'): CheckResult {
  const counts = { passesInARow: outcome === 'pass' ? 1 : 0, failsInARow: outcome === 'fail' ? 3 : 0, errorsInARow: 0 };
  return { name: 'alive', type: 'basic', outcome, message: 'no answer', at: 1, latencyMs: 1, ...counts };
}

const steps: CanaryStep[] = [
  { type: 'setWeight', weight: 10 },
  { type: 'pause', durationMs: minute },
  { type: 'setWeight', weight: 50 },
  { type: 'pause', durationMs: null },
];
const canary: MigrationParts = { strategy: 'canary', canary: { steps } };
const preview: MigrationParts = { strategy: 'blue-green', blueGreen: { autoPromote: false, prePromotion: ['alive'] } };

/** v2 goes in beside a v1 that serves, all its Instances proven. */
function moving(parts: MigrationParts, more: Parameters<typeof service>[1] = {}): Situation {
  return serving(more)
    .declare(update('v2', parts, more))
    .settle()
    .connect()
    .settle();
}

function told(it: Situation, reason: string): string[] {
  return it.events.filter((event) => event.reason === reason).map(({ message }) => message);
}

describe('rolling', () => {
  situation('the last instance that takes over starts none of stable again, and the service is ready throughout', () => {
    const it = moving({ strategy: 'rolling' }, { replicas: 3 });
    for (let round = 0; round < 3; round++) it.connect().settle();
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
    expect(it.events.filter(({ reason, revision: name }) => reason === 'InstanceStarted' && name === v1.name)).toHaveLength(3);
    expect(told(it, 'HealthChanged')).toEqual(['UNKNOWN → HEALTHY']);
  });

  situation('what its group has let go on is not held again halfway', () => {
    const it = serving({ replicas: 3 });
    it.group = [{ service: 'b', stands: 'ready', snapshot: 's' }];
    it.declare(update('v2', { strategy: 'rolling', releaseTogether: 'g' }, { replicas: 3 }))
      .settle()
      .connect()
      .settle();
    it.group = [{ service: 'b', stands: 'moving', snapshot: 's' }];
    it.connect().settle().connect().settle();
    expect(it.verdicts()[0]).toBe('Promoted/TargetServes');
  });
});
