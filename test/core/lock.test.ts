/** What `fairlead.lock` asks of the heart where a simulated world comes to it too seldom; scenario 21 tells the whole of it. */
import { expect, test } from 'vitest';
import { hashValue } from '../../src/base/hash.ts';
import { migrationOf } from '../fixtures/migration.ts';
import { revision, service, Situation } from './situation.ts';

const [v1, v2] = [revision('v1'), revision('v2')];
const [before, after, other] = [{ add: ['a'] }, { add: ['a', 'b'] }, { add: ['a', 'b', 'c'] }];

function deployed(replicas: number): Situation {
  return new Situation()
    .declare(service('v1', { replicas, lock: { contract: hashValue(before) } }))
    .settle()
    .offer(v1, before)
    .connect()
    .offer(v1, before)
    .settle();
}

test('of two contracts, one approved by the manifest and one by the lock, the one that it has stays', () => {
  const it = deployed(2).offerOne(v1, 1, after);
  const approved = hashValue(before).slice(0, 12);
  it.declare(
    service('v1', { replicas: 2, lock: { contract: hashValue(after) }, migration: migrationOf({ contract: { approved } }) }),
  ).settle();
  expect([it.record!.stableContract, it.condition('Drifted')]).toEqual([hashValue(before), 'False/AsPromoted']);
  expect(it.offer(v1, after).settle().record!.stableContract).toBe(hashValue(after));
});

test('a target that comes to offer another contract while it takes over is not promoted, nor called, where nothing may be taken back', () => {
  const migration = migrationOf({ contract: { breaking: 'allow' }, rollback: { automatic: false } });
  const it = deployed(1).declare(service('v2', { lock: { contract: hashValue(after) }, migration }));
  it.settle().offer(v2, after).connect();
  expect(it.record!.rollout!.phase).toBe('Switching');
  it.offer(v2, other).settle();
  expect([it.record!.stable!.hash, it.route]).toEqual([v1.hash, { [v1.hash]: 100 }]);
  expect(it.record!.rollout!.waitsFor).toContain('`fairlead lock files --target`');
  expect(it.offer(v2, after).settle().record!.stable!.hash).toBe(v2.hash);
});

test('a target is compared with what those of stable offer that stay, as soon as the host is seen to have sent the others away', () => {
  const approved = hashValue(before).slice(0, 12);
  const contract = { approved };
  const it = deployed(2).offerOne(v1, 0, after);
  it.declare(service('v1', { replicas: 2, lock: { contract: hashValue(after) }, migration: migrationOf({ contract }) })).settle();
  const migration = migrationOf({ strategy: 'rolling', contract: { breaking: 'warn' } });
  it.declare(service('v2', { replicas: 2, lock: { contract: hashValue(after) }, migration }))
    .settle()
    .offer(v2, after);
  it.connect(v2);
  const seen = () => [it.record!.stableContract, it.record!.rollout!.contract!.from];
  expect(seen()).toEqual([hashValue(before), hashValue(before)]);
  it.pass();
  expect(seen()).toEqual([hashValue(after), hashValue(after)]);
});
