/** A Migration written back as a manifest: everything that its strategy reads, and compiling it gives the same Migration. */
import type { Amount, Analysis, AnalysisCheck, CanaryStep, Migration } from '../model/service.ts';
import { durationText, shareText } from './units.ts';

type Fields = Readonly<Record<string, unknown>>;

/** `literal` makes text of which `${` is no placeholder. */
export function specOfMigration(migration: Migration, literal: (text: string) => string): Fields {
  const { rollback, contract, releaseTogether } = migration;
  return {
    strategy: migration.strategy,
    progressDeadline: durationText(migration.progressDeadlineMs),
    rollback: {
      automatic: rollback.automatic,
      window: rollback.window,
      ifUnhealthyWithin: noTimeOr(rollback.ifUnhealthyWithinMs),
    },
    contract: {
      breaking: contract.breaking,
      descriptions: contract.descriptions,
      drift: contract.drift,
      ...(contract.approved === null ? {} : { approved: contract.approved }),
    },
    ...(releaseTogether === null ? {} : { releaseTogether }),
    ...blockOf(migration, literal),
  };
}

function blockOf({ strategy, rolling, blueGreen, canary }: Migration, literal: (text: string) => string): Fields {
  switch (strategy) {
    case 'in-place':
      return {};
    case 'rolling':
      return { rolling: { maxSurge: amountText(rolling.maxSurge), maxUnavailable: amountText(rolling.maxUnavailable) } };
    case 'blue-green': {
      const { autoPromote, prePromotion, keepOldForMs } = blueGreen;
      return { blueGreen: { autoPromote, prePromotion, keepOldFor: noTimeOr(keepOldForMs) } };
    }
    case 'canary':
      return {
        canary: { steps: canary.steps.map((step) => stepFields(step, literal)), analysis: analysisFields(canary.analysis, literal) },
      };
  }
}

function noTimeOr(ms: number): string {
  return ms === 0 ? '0s' : durationText(ms);
}

function amountText(amount: Amount): number | string {
  return 'count' in amount ? amount.count : shareText(amount.share);
}

function stepFields(step: CanaryStep, literal: (text: string) => string): Fields {
  switch (step.type) {
    case 'setWeight':
      return { setWeight: step.weight };
    case 'pause':
      return { pause: step.durationMs === null ? {} : { duration: durationText(step.durationMs) } };
    case 'analysis':
      return { analysis: { for: durationText(step.forMs) } };
    case 'setReplicas':
      return { setReplicas: step.replicas };
    case 'shadow':
      return {
        shadow: {
          for: durationText(step.forMs),
          tools: step.tools.map(literal),
          percent: step.percent,
          ...(step.maxDifferent === null ? {} : { maxDifferent: shareText(step.maxDifferent) }),
        },
      };
  }
}

function analysisFields({ intervalMs, minCalls, failureLimit, checks }: Analysis, literal: (text: string) => string): Fields {
  return { interval: durationText(intervalMs), minCalls, failureLimit, checks: checks.map((check) => checkFields(check, literal)) };
}

function checkFields(check: AnalysisCheck, literal: (text: string) => string): Fields {
  switch (check.type) {
    case 'errorRate':
      return { [check.name]: limitFields(check.max === null ? null : shareText(check.max), check.versusStable) };
    case 'latency':
      return { [check.name]: limitFields(check.maxMs === null ? null : durationText(check.maxMs), check.versusStable) };
    case 'prometheus':
    case 'http':
      return {
        [check.type]: {
          name: check.name,
          url: literal(check.url),
          ...(check.type === 'prometheus' ? { query: literal(check.query) } : {}),
          ...(check.min === null ? {} : { min: check.min }),
          ...(check.max === null ? {} : { max: check.max }),
          timeout: durationText(check.timeoutMs),
        },
      };
  }
}

function limitFields(max: string | null, factor: number | null): Fields {
  return { ...(max === null ? {} : { max }), ...(factor === null ? {} : { versusStable: `${factor}x` }) };
}
