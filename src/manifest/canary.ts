/**
 * `spec.migration.canary` to steps and an Analysis. What stands in for a missing `steps` or a missing part of `analysis` is
 * the default of the published schema, the one place where it is said.
 */
import serviceSchema from '../../schemas/service.schema.json' with { type: 'json' };
import { covers, overlap } from '../base/pattern.ts';
import type {
  Analysis as AnalysisSpec,
  AnalysisCheck as AnalysisCheckSpec,
  Canary,
  CanaryStep as CanaryStepSpec,
  HttpCheck,
  PrometheusCheck,
  ShadowStep,
} from '../model/gen/service.ts';
import type { Analysis, AnalysisCheck, CanaryStep, Expose, Migration } from '../model/service.ts';
import type { Segment } from './place.ts';
import { SpecReader } from './spec-reader.ts';
import { nearest } from './suggest.ts';

type Path = readonly Segment[];

const at = ['spec', 'migration', 'canary'] as const;
const rates = { errorRate: 'all', protocolErrorRate: 'protocol', toolErrorRate: 'tool' } as const;
const quantiles = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;
const { analysis: analysisSchema, canary: canarySchema } = serviceSchema.$defs;

/** Steps of a canary that names none: to be tuned in the schema. */
export const defaultCanarySteps: readonly CanaryStep[] = canarySchema.properties.steps.default.map((step) =>
  stepOf(step as CanaryStepSpec, [], new SpecReader()),
);

/** What a canary's target is held to where the manifest does not say: to be tuned in the schema. */
export const defaultAnalysis: Analysis = analysisOf({}, new SpecReader());

/** `replicas` and `expose` are the service's. */
export function canaryOf(
  spec: Canary,
  { replicas, expose }: { readonly replicas: number; readonly expose: Expose },
  reader: SpecReader,
): Migration['canary'] {
  const path = [...at, 'steps'];
  const steps = spec.steps?.map((step, index) => stepOf(step, [...path, index], reader)) ?? defaultCanarySteps;
  if (spec.steps !== undefined) judgeSteps(steps, replicas, expose, reader);
  return { steps, analysis: spec.analysis === undefined ? defaultAnalysis : analysisOf(spec.analysis, reader) };
}

/** The schema has seen to it that a step has one word. */
function stepOf(step: CanaryStepSpec, path: Path, reader: SpecReader): CanaryStep {
  if (step.setWeight !== undefined) return { type: 'setWeight', weight: reader.integer(step.setWeight, 0, [...path, 'setWeight']) };
  if (step.setReplicas !== undefined)
    return { type: 'setReplicas', replicas: reader.integer(step.setReplicas, 1, [...path, 'setReplicas']) };
  if (step.analysis !== undefined) return { type: 'analysis', forMs: reader.duration(step.analysis.for, 0, [...path, 'analysis', 'for']) };
  if (step.shadow !== undefined) return shadowOf(step.shadow, [...path, 'shadow'], reader);
  const duration = step.pause?.duration;
  return { type: 'pause', durationMs: duration === undefined ? null : reader.duration(duration, 0, [...path, 'pause', 'duration']) };
}

function shadowOf(shadow: ShadowStep, path: Path, reader: SpecReader): CanaryStep {
  return {
    type: 'shadow',
    forMs: reader.duration(shadow.for, 0, [...path, 'for']),
    tools: shadow.tools,
    percent: reader.integer(shadow.percent, 100, [...path, 'percent']),
    maxDifferent: reader.percentage(shadow.maxDifferent, [...path, 'maxDifferent']),
  };
}

/** What each step may say by itself and still must not, or had better not, between its neighbours and in this service. */
function judgeSteps(steps: readonly CanaryStep[], replicas: number, expose: Expose, reader: SpecReader): void {
  let weight = 0;
  for (const [index, step] of steps.entries()) {
    const path = [...at, 'steps', index];
    if (step.type === 'setWeight') {
      if (step.weight < weight)
        reader.warn(
          'WeightDecreases',
          `This step takes the target back from ${weight} % to ${step.weight} %.`,
          [...path, 'setWeight'],
          `${weight} or more`,
        );
      weight = step.weight;
    } else if (step.type === 'setReplicas' && step.replicas > replicas)
      reader.warn(
        'OutOfRange',
        `${step.replicas} instances of the target are more than the service has in the end (\`replicas: ${replicas}\`).`,
        [...path, 'setReplicas'],
        `at most ${replicas}`,
      );
    else if (step.type === 'analysis' && weight === 0)
      reader.warn(
        'NothingToAnalyse',
        'The target has no calls at this step: it is not measured, and goes on unjudged.',
        [...path, 'analysis'],
        'a setWeight above 0 before it',
      );
    else if (step.type === 'shadow') judgeShadow(step.tools, expose, [...path, 'shadow', 'tools'], reader);
  }
}

/** A pattern that no published tool fits mirrors nothing; a shadow of nothing but such would always find no difference. */
function judgeShadow(patterns: readonly string[], { tools }: Expose, path: Path, reader: SpecReader): void {
  const { allow, deny, rename } = tools;
  const matched = patterns.map(
    (pattern) =>
      (allow.length === 0 || allow.some((allowed) => overlap(allowed, pattern))) && !deny.some((denied) => covers(denied, pattern)),
  );
  for (const [index, pattern] of patterns.entries()) {
    if (matched[index]) continue;
    const [own] = Object.entries(rename).find(([, shown]) => shown === pattern) ?? [];
    const message = `No tool that \`expose.tools\` publishes fits \`${pattern}\`: no call to it is ever mirrored.`;
    const expected = 'a pattern of tools that clients may call, by the service’s own names';
    const suggestion = own ?? nearest(pattern, allow);
    if (matched.includes(true)) reader.warn('UnmatchedPattern', message, [...path, index], expected, suggestion);
    else reader.report('UnmatchedPattern', message, [...path, index], expected, suggestion);
  }
}

function analysisOf(spec: AnalysisSpec, reader: SpecReader): Analysis {
  const path = [...at, 'analysis'];
  const { interval, minCalls, failureLimit, checks: given } = analysisSchema.properties;
  const written = spec.checks ?? given.default;
  const checks = written.map((check, index) => checkOf(check, [...path, 'checks', index], reader));
  reader.unique(
    checks.map(({ name }) => name),
    [...path, 'checks'],
  );
  return {
    intervalMs: reader.duration(spec.interval ?? interval.default, 0, [...path, 'interval'], 100),
    minCalls: reader.integer(spec.minCalls, minCalls.default, [...path, 'minCalls']),
    failureLimit: reader.integer(spec.failureLimit, failureLimit.default, [...path, 'failureLimit']),
    checks,
  };
}

/** The schema has seen to it that a check has one word, which is its name unless it is given one. */
function checkOf(check: AnalysisCheckSpec, path: Path, reader: SpecReader): AnalysisCheck {
  for (const [name, of] of Object.entries(rates) as [keyof typeof rates, (typeof rates)[keyof typeof rates]][]) {
    const limits = check[name];
    if (limits === undefined) continue;
    needLimit(limits, 'versusStable', [...path, name], reader);
    return {
      type: 'errorRate',
      name,
      of,
      max: reader.percentage(limits.max, [...path, name, 'max']),
      versusStable: reader.factor(limits.versusStable, [...path, name, 'versusStable']),
    };
  }
  for (const [name, quantile] of Object.entries(quantiles) as [keyof typeof quantiles, number][]) {
    const limits = check[name];
    if (limits === undefined) continue;
    needLimit(limits, 'versusStable', [...path, name], reader);
    return {
      type: 'latency',
      name,
      quantile,
      maxMs: limits.max === undefined ? null : reader.duration(limits.max, 0, [...path, name, 'max']),
      versusStable: reader.factor(limits.versusStable, [...path, name, 'versusStable']),
    };
  }
  if (check.prometheus !== undefined) {
    needLimit(check.prometheus, 'min', [...path, 'prometheus'], reader);
    return { type: 'prometheus', query: check.prometheus.query, ...metricOf(check.prometheus, [...path, 'prometheus'], reader) };
  }
  return { type: 'http', ...metricOf(check.http!, [...path, 'http'], reader) };
}

function metricOf(metric: PrometheusCheck | HttpCheck, path: Path, reader: SpecReader) {
  const min = reader.number(metric.min, [...path, 'min']);
  const max = reader.number(metric.max, [...path, 'max']);
  if (min !== null && max !== null && min > max)
    reader.report('ConflictingFields', `No value is ${min} or more and ${max} or less.`, [...path, 'min'], '`min` no larger than `max`');
  reader.address(metric.url, [...path, 'url'], 'an address such as http://prometheus:9090');
  return { name: metric.name, url: metric.url, min, max, timeoutMs: reader.duration(metric.timeout, 5_000, [...path, 'timeout']) };
}

function needLimit(limits: object, other: 'versusStable' | 'min', path: Path, reader: SpecReader): void {
  if (Object.hasOwn(limits, 'max') || Object.hasOwn(limits, other)) return;
  reader.report('MissingField', `\`${String(path.at(-1))}\` has no limit to hold to.`, [...path, 'max'], `\`max\`, \`${other}\`, or both`);
}
