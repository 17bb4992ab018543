/**
 * The course of a Rollout in words, in order: what its strategy would do if everything goes well. Pure; from the Service that
 * it moves to and the Rollout as the heart began it, so which way it goes is never guessed here.
 */
import { formatDuration } from '../base/duration.ts';
import type { Revision } from '../model/revision.ts';
import type { Rollout } from '../model/rollout.ts';
import type { Amount, CanaryStep, Migration, Service } from '../model/service.ts';

/** Such as `start 2 instances of files-7f3a9c21 beside files-90d1f96e and make their start checks`, `10 % of sessions to files-7f3a9c21`. */
export function courseOf(service: Service, rollout: Rollout, stable: Revision | null): readonly string[] {
  const { migration, revision } = service;
  const target = revision.name;
  const group = migration.releaseTogether === null ? [] : [`wait for the other services of the group ${migration.releaseTogether}`];
  const held = lockOf(service, stable);
  const after = stable === null ? [] : [...leavingOf(service, rollout, stable), ...watchOf(migration, stable)];
  switch (rollout.direct) {
    case 'exclusive':
      return [
        ...group,
        ...(stable === null ? [] : [`stop ${stable.name}: calls wait in the gateway meanwhile`]),
        `start ${countOf(1)} of ${target} and make its start checks`,
        ...held,
        `all calls to ${target}`,
        ...(stable === null ? [] : watchOf(migration, stable)),
      ];
    case 'first':
      return [`${startOf(service, service.replicas, stable)}: calls wait in the gateway meanwhile`, ...held, `all calls to ${target}`];
    case 'return':
    case 'fallback':
      return [
        startOf(service, service.replicas, stable),
        ...group,
        `all calls to ${target}: it was promoted before, so there are no steps, no analysis and no gate`,
        ...after,
      ];
    case null:
      // Rolling moves calls with its first replacement: it waits before that.
      return migration.strategy === 'rolling'
        ? [...beginningOf(service, 1, stable), ...group, replacingOf(service), `all calls to ${target}`, ...after]
        : [...stepsOf(service, stable), ...group, `all calls to ${target}`, ...after];
  }
}

/** What comes before the target may get calls, of `count` Instances at first. */
function beginningOf(service: Service, count: number, stable: Revision | null): readonly string[] {
  const { breaking, descriptions } = service.migration.contract;
  const compared = `compare contracts (breaking: ${breaking}, descriptions: ${descriptions})`;
  return [startOf(service, count, stable), compared, ...lockOf(service, stable)];
}

/** What it has to offer, where that is locked. */
function lockOf({ lock }: Service, stable: Revision | null): readonly string[] {
  if (lock === undefined) return [];
  return [`its contract must be the locked one, ${lock.contract.slice(0, 12)}${stable === null ? '' : `, or that of ${stable.name}`}`];
}

function replacingOf({ migration, replicas }: Service): string {
  const { maxSurge, maxUnavailable } = migration.rolling;
  const limits = `up to ${amountOf(maxSurge)} more than ${replicas} at a time, up to ${amountOf(maxUnavailable)} fewer ready`;
  return `replace ${countOf(replicas)}: ${limits}`;
}

/** What comes before all calls go to the target at once. */
function stepsOf(service: Service, stable: Revision | null): readonly string[] {
  const { migration, replicas, revision } = service;
  const { canary, blueGreen } = migration;
  switch (migration.strategy) {
    case 'in-place':
    case 'rolling':
      return beginningOf(service, replicas, stable);
    case 'blue-green':
      return [
        ...beginningOf(service, replicas, stable),
        blueGreen.prePromotion.length === 0
          ? `show ${revision.name} on the preview route`
          : `show ${revision.name} on the preview route, and pass there: ${blueGreen.prePromotion.join(', ')}`,
        ...(blueGreen.autoPromote ? [] : ['wait until somebody says `rollout promote`']),
      ];
    case 'canary': {
      const [first] = canary.steps;
      const fewer = first?.type === 'setReplicas';
      const steps = fewer ? canary.steps.slice(1) : canary.steps;
      return [...beginningOf(service, fewer ? first.replicas : replicas, stable), ...steps.map((step) => stepText(step, service))];
    }
  }
}

function stepText(step: CanaryStep, { migration, revision, affinity }: Service): string {
  switch (step.type) {
    case 'setWeight':
      return `${step.weight} % of ${affinity === 'session' ? 'sessions' : 'calls'} to ${revision.name}`;
    case 'setReplicas':
      return `${countOf(step.replicas)} of ${revision.name}`;
    case 'pause':
      return step.durationMs === null ? 'wait until somebody says `rollout promote`' : `pause ${formatDuration(step.durationMs)}`;
    case 'shadow':
      return `mirror ${step.percent} % of calls to ${step.tools.join(', ')} for ${formatDuration(step.forMs)} and compare the answers`;
    case 'analysis': {
      const { analysis } = migration.canary;
      const checks = analysis.checks.map(({ name }) => name).join(', ');
      return `analysis ${formatDuration(step.forMs)}: ${checks}, every ${formatDuration(analysis.intervalMs)}`;
    }
  }
}

function startOf({ revision }: Service, count: number, stable: Revision | null): string {
  const beside = stable === null ? '' : ` beside ${stable.name}`;
  return `start ${countOf(count)} of ${revision.name}${beside} and make ${count === 1 ? 'its' : 'their'} start checks`;
}

/** What becomes of stable. */
function leavingOf({ migration, limits }: Service, { direct }: Rollout, stable: Revision): readonly string[] {
  const { strategy, blueGreen } = migration;
  const kept =
    strategy === 'blue-green' && direct !== 'exclusive' && blueGreen.keepOldForMs > 0
      ? [`keep ${stable.name} running for ${formatDuration(blueGreen.keepOldForMs)}, for an instant return`]
      : [];
  return [...kept, `stop ${stable.name} once its sessions have ended, after ${formatDuration(limits.drainTimeoutMs)} at the latest`];
}

function watchOf({ rollback }: Migration, stable: Revision): readonly string[] {
  if (rollback.ifUnhealthyWithinMs === 0) return [];
  return [`back to ${stable.name} if it turns unhealthy within ${formatDuration(rollback.ifUnhealthyWithinMs)}`];
}

function countOf(count: number): string {
  return count === 1 ? '1 instance' : `${count} instances`;
}

function amountOf(amount: Amount): string {
  return 'count' in amount ? String(amount.count) : `${Math.round(amount.share * 100)} %`;
}
