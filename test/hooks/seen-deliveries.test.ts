/** Which deliveries are remembered, for how long, and how many at most. */
import { expect, test } from 'vitest';
import { SeenDeliveries, deliveryId } from '../../src/hooks/seen-deliveries.ts';

let elapsedMs = 0;
const clock = { now: () => 0, elapsedMs: () => elapsedMs, after: () => () => {} };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('each is taken once within a day, whatever the system’s clock is set to', () => {
  const seen = new SeenDeliveries(clock);
  expect([seen.take('a'), seen.take('a'), seen.take('b')]).toEqual([true, false, true]);
  elapsedMs += 86_399_999;
  expect(seen.take('a')).toBe(false);
  elapsedMs += 1;
  expect(seen.take('a')).toBe(true);
});

test('of more than are kept the oldest make room', () => {
  const seen = new SeenDeliveries(clock, 3);
  for (const id of ['a', 'b', 'c', 'd']) seen.take(id);
  expect([seen.take('d'), seen.take('c')]).toEqual([false, false]);
  expect(seen.take('a')).toBe(true);
});

test('an id is that of its forge, and without one the body speaks for itself', () => {
  const ids = [
    deliveryId({ 'x-github-delivery': 'a' }, bytes('1')),
    deliveryId({ 'x-gitea-delivery': 'b' }, bytes('1')),
    deliveryId({ 'idempotency-key': 'c' }, bytes('1')),
    deliveryId({}, bytes('1')),
    deliveryId({}, bytes('2')),
    deliveryId({}, bytes('id a')),
  ];
  expect(new Set(ids).size).toBe(6);
  expect(deliveryId({ 'x-github-delivery': 'a' }, bytes('2'))).toBe(ids[0]);
});
