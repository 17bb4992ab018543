/** Prometheus metrics, made of the ReadModel at the moment they are asked for; nothing is counted here. */
import { Counter, Gauge, Registry, collectDefaultMetrics, type Metric } from '@prometheus-io/client';
import { latencyBoundsMs } from '../model/observation.ts';
import type { ReadModel } from '../ports/read-model.ts';

const states = ['Draft', 'Validating', 'Deploying', 'Active', 'Updating', 'Deactivating', 'Inactive', 'Error'];
const healthValues = { HEALTHY: 1, DEGRADED: 0.5, DOWN: 0, UNKNOWN: -1 };

export function createMetrics(model: ReadModel): { contentType: string; text(): Promise<string> } {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'fairlead_controller_' });
  const gauge = (name: string, help: string, labelNames: string[], collect: (metric: Gauge<string>) => void): Gauge<string> =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect(this);
      },
    });
  const counter = (name: string, help: string, labelNames: string[], collect: (metric: Counter<string>) => void): Counter<string> =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect(this);
      },
    });

  gauge('fairlead_services', 'Services by lifecycle state.', ['state'], (metric) => {
    for (const state of states) metric.set({ state }, 0);
    for (const { record } of model.services()) metric.inc({ state: record.state });
  });
  gauge('fairlead_service_health', 'Health of each service: 1 HEALTHY, 0.5 DEGRADED, 0 DOWN, -1 UNKNOWN.', ['service'], (metric) => {
    for (const { record } of model.services()) metric.set({ service: record.service }, healthValues[record.health]);
  });
  gauge('fairlead_service_synced', '1 when what runs is what the source says.', ['service'], (metric) => {
    for (const { record } of model.services())
      metric.set({ service: record.service }, record.conditions.some(({ type, status }) => type === 'Synced' && status === 'True') ? 1 : 0);
  });
  gauge('fairlead_instances', 'Instances by service and phase.', ['service', 'phase'], (metric) => {
    for (const { record, observation } of model.services())
      for (const { phase } of observation?.instances ?? []) metric.inc({ service: record.service, phase });
  });
  gauge('fairlead_rollouts_running', 'Rollouts under way.', [], (metric) =>
    metric.set(model.services().filter(({ record }) => record.rollout !== null).length),
  );
  counter('fairlead_rollouts_total', 'Rollouts begun, by service.', ['service'], (metric) => {
    for (const { record } of model.services()) metric.inc({ service: record.service }, record.rolloutCount);
  });
  counter('fairlead_calls_total', 'Calls through the gateway since the host started.', ['service', 'revision'], (metric) => {
    for (const [labels, { calls }] of traffic(model)) metric.inc(labels, calls);
  });
  counter(
    'fairlead_call_errors_total',
    'Calls that ended in an error, by kind (protocol or tool).',
    ['service', 'revision', 'kind'],
    (metric) => {
      for (const [labels, { protocolErrors, toolErrors }] of traffic(model)) {
        metric.inc({ ...labels, kind: 'protocol' }, protocolErrors);
        metric.inc({ ...labels, kind: 'tool' }, toolErrors);
      }
    },
  );
  registry.registerMetric(latencyHistogram(model));
  gauge('fairlead_source_readable', '1 when the source could be read last time.', ['source'], (metric) => {
    for (const { name, failure } of model.sources()) metric.set({ source: name }, failure === null ? 1 : 0);
  });
  gauge('fairlead_source_issues', 'Issues of the manifests of a source, by severity.', ['source', 'severity'], (metric) => {
    for (const { name, issues } of model.sources()) for (const { severity } of issues) metric.inc({ source: name, severity });
  });
  gauge('fairlead_host_connected', '1 while the host is connected.', [], (metric) => metric.set(model.about().hostConnected ? 1 : 0));
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

function* traffic(model: ReadModel) {
  for (const { record, observation } of model.services())
    for (const [hash, counters] of Object.entries(observation?.traffic ?? {}))
      yield [{ service: record.service, revision: hash.slice(0, 8) }, counters] as const;
}

/** 1, 2, 5, 10, 20, 50 … : enough for a chart, and a third of all the series that the host's buckets would be. */
function isExposed(boundMs: number): boolean {
  return /^[125]0*$/.test(String(boundMs));
}

/** The host's buckets, several in one: a histogram that the library prints but does not count. */
function latencyHistogram(model: ReadModel): Metric {
  const name = 'fairlead_call_duration_seconds';
  const help = 'Duration of calls through the gateway since the host started.';
  const values = (): { metricName: string; labels: Record<string, string | number>; value: number }[] =>
    [...traffic(model)].flatMap(([labels, { calls, latencyBuckets, latencySumMs }]) => {
      let below = 0;
      const buckets = latencyBoundsMs.flatMap((bound, index) => {
        below += latencyBuckets[index] ?? 0;
        return isExposed(bound) ? [{ metricName: `${name}_bucket`, labels: { ...labels, le: bound / 1_000 }, value: below }] : [];
      });
      return [
        ...buckets,
        { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: calls },
        { metricName: `${name}_sum`, labels, value: latencySumMs / 1_000 },
        { metricName: `${name}_count`, labels, value: calls },
      ];
    });
  const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: values() });
  return { name, help, get, reset: () => {} } as unknown as Metric;
}
