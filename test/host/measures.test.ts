/** Metrics that a Plan asks for: when they are asked, what is kept of the answers, and when asking ends. */
import { expect, it } from 'vitest';
import type { MetricCheck } from '../../src/model/service.ts';
import type { Measured } from '../../src/ports/metric-source.ts';
import { HostWorld, planFor, settle } from './world.ts';

const metric = (name: string, timeoutMs = 5_000): MetricCheck => ({
  type: 'http',
  name,
  url: 'http://127.0.0.1:1/',
  min: null,
  max: null,
  timeoutMs,
});
const measures = (...checks: MetricCheck[]) => ({ intervalMs: 10_000, checks });
const times = (world: HostWorld, name: string) => world.measured.filter(({ check }) => check === name).map(({ at }) => at - 1_000_000);

it('are asked at once, then every interval, and each answer is told at once', async () => {
  const world = new HostWorld();
  world.host.take(planFor('a', { measures: measures(metric('one'), metric('two')) }));
  world.told.length = 0;
  await settle();
  expect(world.told).toEqual(['a', 'a']);
  expect(world.observe('a').metrics).toEqual([
    { name: 'one', at: 1_000_000, value: 1, verdict: null, error: null },
    { name: 'two', at: 1_000_000, value: 1, verdict: null, error: null },
  ]);
  await world.clock.pass(20_000);
  expect(times(world, 'one')).toEqual([0, 10_000, 20_000]);
  expect(world.observe('a').metrics[1]).toMatchObject({ at: 1_020_000 });
});

it('are never asked twice at the same time: a slow answer puts off the next question, and nothing is caught up', async () => {
  const world = new HostWorld();
  const answers: ((measured: Measured) => void)[] = [];
  world.measurement = () => new Promise((resolve) => answers.push(resolve));
  world.host.take(planFor('a', { measures: measures(metric('slow', 60_000)) }));
  await world.clock.pass(25_000);
  expect(times(world, 'slow')).toEqual([0]);
  answers[0]!({ value: 2, verdict: null, error: null });
  await world.clock.pass(0);
  expect(times(world, 'slow')).toEqual([0, 25_000]);
  answers[1]!({ value: 3, verdict: null, error: null });
  await world.clock.pass(10_000);
  expect(times(world, 'slow')).toEqual([0, 25_000, 35_000]);
});

it('are an error where the source breaks, and where it never comes back', async () => {
  const world = new HostWorld();
  world.measurement = (check) => (check.name === 'breaks' ? Promise.reject(new Error('broken')) : new Promise(() => {}));
  world.host.take(planFor('a', { measures: measures(metric('breaks'), metric('hangs')) }));
  await world.clock.pass(7_000);
  expect(world.observe('a').metrics).toMatchObject([
    { name: 'breaks', value: null, error: 'broken' },
    { name: 'hangs', value: null, error: 'no answer within 5000 ms' },
  ]);
});

it('go on as they are under a Plan that asks the same, and end with one that does not', async () => {
  const world = new HostWorld();
  world.host.take(planFor('a', { measures: measures(metric('stays'), metric('goes')) }));
  await world.clock.pass(5_000);
  world.host.take(planFor('a', { generation: 2, measures: measures(metric('stays'), metric('comes')) }));
  await world.clock.pass(5_000);
  expect([times(world, 'stays'), times(world, 'goes'), times(world, 'comes')]).toEqual([[0, 10_000], [0], [5_000]]);
  expect(world.observe('a').metrics.map(({ name }) => name)).toEqual(['stays', 'comes']);
  world.host.take(planFor('a', { generation: 3 }));
  await world.clock.pass(30_000);
  expect(world.measured).toHaveLength(4);
  expect(world.observe('a').metrics).toEqual([]);
});

it('are not heard when the answer comes after nobody asks any more', async () => {
  const world = new HostWorld();
  const answer = Promise.withResolvers<Measured>();
  world.measurement = () => answer.promise;
  world.host.take(planFor('a', { measures: measures(metric('late')) }));
  await settle();
  world.host.take(planFor('a', { generation: 2 }));
  world.told.length = 0;
  answer.resolve({ value: 1, verdict: null, error: null });
  await world.clock.pass(60_000);
  expect(world.told).toEqual([]);
  expect(world.measured).toHaveLength(1);
});

it('end with the service and with the Host', async () => {
  const world = new HostWorld();
  world.host.take(planFor('a', { measures: measures(metric('one')), instances: [] }));
  world.host.take(planFor('b', { measures: measures(metric('one')), instances: [] }));
  await settle();
  world.host.forget('a');
  world.gateway.closed.resolve();
  await world.host.close(false);
  await world.clock.pass(60_000);
  expect(world.measured).toHaveLength(2);
});
