/**
 * `spec.migration`, valid by the schema, to a Migration: how a change goes in, defaults filled in, units made plain, fields
 * held against the rest of the spec. A block of another strategy does nothing: its defaults stand in the Migration.
 */
import { hashValue } from '../base/hash.ts';
import type { BlueGreen, Migration as MigrationSpec, Rolling } from '../model/gen/service.ts';
import type { Amount, Check, Expose, Migration, StrategyName } from '../model/service.ts';
import { canaryOf } from './canary.ts';
import type { SpecReader } from './spec-reader.ts';
import { nearest } from './suggest.ts';
import { parseShare } from './units.ts';

/** What of the rest of a Service its Migration is held against. */
export interface Surroundings {
  readonly checks: readonly Check[];
  readonly replicas: number;
  readonly expose: Expose;
  readonly exclusive: boolean;
}

/** The block that each strategy reads. */
export const strategyBlocks = { rolling: 'rolling', blueGreen: 'blue-green', canary: 'canary' } as const satisfies Record<
  string,
  StrategyName
>;

const at = ['spec', 'migration'] as const;

export function migrationOf(spec: MigrationSpec, around: Surroundings, reader: SpecReader): Migration {
  const { strategy = 'in-place', rollback = {}, contract = {} } = spec;
  noteUnused(spec, strategy, around, reader);
  const made: Omit<Migration, 'stepsHash'> = {
    strategy,
    progressDeadlineMs: reader.duration(spec.progressDeadline, 600_000, [...at, 'progressDeadline']),
    rollback: {
      automatic: rollback.automatic ?? true,
      window: reader.integer(rollback.window, 3, [...at, 'rollback', 'window']),
      ifUnhealthyWithinMs: reader.duration(rollback.ifUnhealthyWithin, 0, [...at, 'rollback', 'ifUnhealthyWithin'], 0),
    },
    contract: {
      breaking: contract.breaking ?? 'block',
      descriptions: contract.descriptions ?? 'warn',
      drift: contract.drift ?? 'warn',
      approved: contract.approved ?? null,
    },
    releaseTogether: spec.releaseTogether ?? null,
    rolling: rollingOf((strategy === 'rolling' && spec.rolling) || {}, around.replicas, reader),
    blueGreen: blueGreenOf((strategy === 'blue-green' && spec.blueGreen) || {}, around.checks, reader),
    canary: canaryOf((strategy === 'canary' && spec.canary) || {}, around, reader),
  };
  return { ...made, stepsHash: stepsHashOf(made) };
}

/** Hash of what the steps of a Rollout are made of: the strategy and its own block, not what an analysis holds traffic to. */
export function stepsHashOf({ strategy, rolling, blueGreen, canary }: Omit<Migration, 'stepsHash'>): string {
  switch (strategy) {
    case 'in-place':
      return hashValue({ strategy });
    case 'rolling':
      return hashValue({ strategy, rolling });
    case 'blue-green':
      return hashValue({ strategy, blueGreen });
    case 'canary':
      return hashValue({ strategy, steps: canary.steps });
  }
}

function noteUnused(spec: MigrationSpec, strategy: StrategyName, { exclusive }: Surroundings, reader: SpecReader): void {
  if (exclusive && strategy !== 'in-place')
    reader.warn(
      'UnusedField',
      `\`strategy: ${strategy}\` does nothing here: the service is exclusive (\`exclusive: true\` or a fixed port), so that two of it cannot run side by side and it is swapped in place.`,
      [...at, 'strategy'],
      '`in-place`, or a service that is not exclusive (`port: auto`)',
    );
  for (const [block, reads] of Object.entries(strategyBlocks) as [keyof typeof strategyBlocks, StrategyName][])
    if (spec[block] !== undefined && reads !== strategy)
      reader.warn(
        'UnusedField',
        `\`spec.migration.${block}\` does nothing with \`strategy: ${strategy}\`.`,
        [...at, block],
        `\`strategy: ${reads}\`, or nothing here`,
      );
}

function rollingOf(spec: Rolling, replicas: number, reader: SpecReader): Migration['rolling'] {
  const path = [...at, 'rolling'];
  const maxSurge = amountOf(spec.maxSurge ?? 1, [...path, 'maxSurge'], reader);
  const maxUnavailable = amountOf(spec.maxUnavailable ?? 0, [...path, 'maxUnavailable'], reader);
  // A surge rounds up and unavailability down: 25 % of 3 replicas is one more, and none fewer.
  const surge = 'count' in maxSurge ? maxSurge.count : Math.ceil(maxSurge.share * replicas);
  const fewer = 'count' in maxUnavailable ? maxUnavailable.count : Math.floor(maxUnavailable.share * replicas);
  if (replicas > 0 && surge === 0 && fewer === 0)
    reader.report(
      'ConflictingFields',
      `With ${replicas === 1 ? '1 replica' : `${replicas} replicas`} \`maxSurge\` and \`maxUnavailable\` both come to 0: not one instance could be replaced, neither by starting one more nor by stopping one first.`,
      [...path, spec.maxSurge === undefined ? 'maxUnavailable' : 'maxSurge'],
      '1 or more for one of the two',
      'maxSurge: 1',
    );
  return { maxSurge, maxUnavailable };
}

function amountOf(value: number | string, path: readonly string[], reader: SpecReader): Amount {
  if (typeof value === 'number') return { count: value };
  const share = parseShare(value);
  if (share === null)
    reader.report('InvalidValue', `\`${value}\` is not a number of instances.`, path, 'a number such as 1, or a share such as 25%');
  return { share: share ?? 1 };
}

function blueGreenOf(spec: BlueGreen, checks: readonly Check[], reader: SpecReader): Migration['blueGreen'] {
  const path = [...at, 'blueGreen'];
  const named: string[] = [];
  for (const [index, word] of (spec.prePromotion ?? []).entries()) {
    const found = checksOf(word, checks);
    if (found === null)
      reader.report(
        'UnknownCheck',
        `There is no health check \`${word}\`.`,
        [...path, 'prePromotion', index],
        `one of ${[...checks.map(({ name }) => name), ...checkTypes].join(', ')}`,
        nearest(word, [...checks.map(({ name }) => name), ...checkTypes]),
      );
    else if (found.length === 0)
      reader.warn(
        'UnknownCheck',
        `The service has no ${word} check, so that nothing is asked through the preview route.`,
        [...path, 'prePromotion', index],
        `a check of that type in \`health.checks\``,
      );
    named.push(...(found ?? []));
  }
  return {
    autoPromote: spec.autoPromote ?? true,
    prePromotion: spec.prePromotion === undefined ? (checksOf('functional', checks) ?? []) : [...new Set(named)],
    keepOldForMs: reader.duration(spec.keepOldFor, 30_000, [...path, 'keepOldFor'], 0),
  };
}

const checkTypes: readonly Check['type'][] = ['basic', 'functional', 'performance', 'dependency'];

/** Names of the checks that a word stands for: the check of that name, or else all of that type; null when it is neither. */
function checksOf(word: string, checks: readonly Check[]): readonly string[] | null {
  if (checks.some(({ name }) => name === word)) return [word];
  return checkTypes.some((type) => type === word) ? checks.filter(({ type }) => type === word).map(({ name }) => name) : null;
}
