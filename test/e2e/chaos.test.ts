/** The chaos runs with the smallest counts that mean something; `npm run bench:chaos` is the whole of it. */
import { afterEach, expect, test } from 'vitest';
import { seeded } from '../fixtures/seeded.ts';
import { controllerKills, hostKills, serviceKills, services, updates } from './chaos.ts';
import { Stand } from './stand.ts';

const timeoutMs = 300_000;
let stand: Stand | null = null;

afterEach(async () => {
  const stopped = await stand?.stop();
  stand = null;
  expect(stopped).toMatchObject({ code: 0, left: [] });
}, timeoutMs);

async function start(): Promise<Stand> {
  stand = await Stand.start(services);
  return stand;
}

test(
  'good and broken updates under load lose no call, and a broken one returns to stable with its reason',
  { timeout: timeoutMs },
  async () => {
    expect((await updates(await start(), 6, 2, 6)).losses).toEqual([]);
  },
);

test('a controller killed in the middle of updates loses no call and ends where it would have ended', { timeout: timeoutMs }, async () => {
  expect((await controllerKills(await start(), 6, 2, seeded(1))).losses).toEqual([]);
});

test('a host that is killed leaves no orphan, comes back, and no call hangs', { timeout: timeoutMs }, async () => {
  expect((await hostKills(await start(), 6, 1, seeded(1))).losses).toEqual([]);
});

test('a service that is killed comes back, and calls meet retryable errors at worst', { timeout: timeoutMs }, async () => {
  expect((await serviceKills(await start(), 6, 1)).losses).toEqual([]);
});
