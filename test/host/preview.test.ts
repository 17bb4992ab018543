/** The checks made through the preview route: which, of what, until when, and what the Observation says of them. */
import { expect, it } from 'vitest';
import type { Check } from '../../src/model/service.ts';
import type { UpstreamSession } from '../../src/ports/upstream.ts';
import { basic, health, HostWorld, type PlanChanges, planFor, planned, settle } from './world.ts';

const sum: Check = { name: 'sum', type: 'functional', timeoutMs: 2_000, tool: 'sum', arguments: {}, expect: {} };
const session = (name: string) => ({ facts: { serverInfo: { name } } }) as unknown as UpstreamSession;

/** A Plan that previews hash-b, whose checks are `basic` and `sum`, with `sum` to be made through the preview. */
const previewing = (changes: PlanChanges = {}) =>
  planFor('a', {
    instances: [planned('b-1', { revision: 'hash-b' })],
    health: { ...health, checks: [basic, sum] },
    route: { preview: 'hash-b', rollout: 1 },
    previewChecks: ['sum'],
    ...changes,
  });

function world(): HostWorld {
  const made = new HostWorld();
  made.gateway.previews = { a: async () => session('previewed') };
  return made;
}

it('are those that the Plan names, put to the preview and not to an Instance, and told at once', async () => {
  const { host, told, asked, observe } = bound(world());
  host.take(previewing());
  told.length = 0;
  await settle();
  expect(asked.map(({ check }) => check)).toEqual(['sum']);
  await expect(asked[0]!.subject.session()).resolves.toMatchObject({ facts: { serverInfo: { name: 'previewed' } } });
  expect(told).toEqual(['a']);
  expect(observe().preview).toMatchObject({ revision: 'hash-b', checks: [{ name: 'sum', outcome: 'pass', passesInARow: 1 }] });
});

it('are pending before the first answer, and are made again and again while they fail', async () => {
  const { host, asked, observe, answers, clock } = bound(world());
  answers(() => new Promise(() => {}));
  host.take(previewing());
  await settle();
  expect(observe().preview).toMatchObject({ checks: [{ outcome: 'pending' }] });
  answers(async () => ({ outcome: 'fail', message: 'wrong', latencyMs: 1 }));
  await clock.pass(8_000);
  expect(observe().preview!.checks[0]!.failsInARow).toBeGreaterThanOrEqual(3);
  expect(asked.length).toBeGreaterThanOrEqual(4);
});

it('are an error, not a failure, while the gateway has no preview', async () => {
  const made = world();
  made.gateway.previews = {};
  made.answer = async (_check, subject) => subject.session().then(() => ({ outcome: 'pass', message: '', latencyMs: 1 }));
  made.host.take(previewing());
  await settle();
  expect(made.observe('a').preview!.checks).toMatchObject([{ outcome: 'error', errorsInARow: 1, failsInARow: 0 }]);
});

it('begin anew for another Revision', async () => {
  const { host, observe, clock } = bound(world());
  host.take(previewing());
  await clock.pass(500);
  host.take(previewing({ generation: 2, route: { preview: 'hash-a' } }));
  expect(observe().preview).toMatchObject({ revision: 'hash-a', checks: [{ outcome: 'pending' }] });
});

it('end with the preview, and a late answer changes nothing', async () => {
  const { host, observe, asked, answers, clock, told } = bound(world());
  const late = Promise.withResolvers<never>();
  answers(() => late.promise);
  host.take(previewing());
  await settle();
  host.take(previewing({ generation: 2, route: { preview: null }, previewChecks: null }));
  told.length = 0;
  late.reject(new Error('gone'));
  await clock.pass(60_000);
  expect(observe().preview).toBeNull();
  expect(asked.filter(({ check }) => check === 'sum')).toHaveLength(1);
  expect(told).toEqual([]);
});

it('are none where nothing is to be checked: the preview is only looked at', async () => {
  const { host, observe, asked, clock } = bound(world());
  host.take(previewing({ previewChecks: [] }));
  await clock.pass(10_000);
  expect(observe().preview).toEqual({ revision: 'hash-b', checks: [] });
  expect(asked).toEqual([]);
});

/** What the tests above need of a world, its Instances never coming up. */
function bound(made: HostWorld) {
  return {
    host: made.host,
    told: made.told,
    asked: made.asked,
    clock: made.clock,
    observe: () => made.observe('a'),
    answers: (answer: HostWorld['answer']) => (made.answer = answer),
  };
}
