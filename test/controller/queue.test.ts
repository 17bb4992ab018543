/** The queue of the loop: who waits for a key, and until when. */
import { expect, it } from 'vitest';
import { KeyQueue } from '../../src/controller/queue.ts';
import { VirtualClock } from './world.ts';

it('lets who begins to wait for a key while it is worked on wait until it was worked on again', async () => {
  const clock = new VirtualClock();
  const turns: PromiseWithResolvers<void>[] = [];
  const queue = new KeyQueue(clock, async () => {
    const turn = Promise.withResolvers<void>();
    turns.push(turn);
    await turn.promise;
  });
  queue.setOpen(true);
  queue.add('a');
  await clock.advance(0);
  let taken = false;
  void queue.addAndWait('a').then(() => (taken = true));
  turns[0]!.resolve();
  await clock.advance(0);
  expect([turns.length, taken]).toEqual([2, false]);
  turns[1]!.resolve();
  await clock.advance(0);
  expect(taken).toBe(true);
});

it('lets everybody go when it is closed', async () => {
  const queue = new KeyQueue(new VirtualClock(), () => new Promise(() => {}));
  queue.setOpen(true);
  const waiting = queue.addAndWait('a');
  queue.setOpen(false);
  await expect(waiting).resolves.toBeUndefined();
});
