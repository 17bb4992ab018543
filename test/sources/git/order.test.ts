/** In which order commits are taken: each after the one before it or not at all, and the newest in the end, whatever clocks, hurry and webhooks do. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GitHarness } from './git-harness.ts';

let harness: GitHarness;
beforeEach(async () => {
  harness = await GitHarness.make({ 'a.yaml': '0' });
  await harness.start();
});
afterEach(() => harness.end());

const taken = (): number[] => harness.witness.snapshots.map(({ files }) => Number(Buffer.from(files[0]!.bytes).toString()));
const ascending = (numbers: readonly number[]): boolean => numbers.every((number, index) => index === 0 || number > numbers[index - 1]!);

it('two pushes within 100 ms, told by webhooks that come doubled and late, end at the newer one', async () => {
  const { repository, source } = harness;
  await repository.git('branch', 'next', 'main');
  for (let round = 0; round < 8; round += 1) {
    const [one, other] = [2 * round + 1, 2 * round + 2];
    // Made beforehand, so that what happens at once is the pushes alone.
    const ids = [];
    for (const number of [one, other]) ids.push(await repository.commit({ 'a.yaml': String(number) }, { branch: 'next' }));
    await repository.git('update-ref', 'refs/heads/main', ids[0]!);
    const told = source.refresh();
    await repository.git('update-ref', 'refs/heads/main', ids[1]!);
    // The second delivery, the first one again, and the second one once more.
    await Promise.all([told, source.refresh(), source.refresh()]);
    await source.refresh();
    expect(taken().at(-1)).toBe(other);
  }
  expect([ascending(taken()), harness.witness.failures, harness.witness.events]).toEqual([true, [], []]);
});

it(
  'pushes in a stream are each taken in order or skipped, and looks that come at any moment of it take no older one after a newer one',
  { timeout: 300_000 },
  async () => {
    const newest = 40;
    const looks: Promise<void>[] = [];
    for (let number = 1; number <= newest; number += 1) {
      await harness.put({ 'a.yaml': String(number) });
      if (number % 3 !== 0) looks.push(harness.source.refresh());
    }
    await Promise.all(looks);
    await harness.source.refresh();
    expect([ascending(taken()), taken().at(-1), harness.witness.failures, harness.witness.events]).toEqual([true, newest, [], []]);
  },
);

it('a push that no webhook told of is taken by the next poll', async () => {
  await harness.restart({ intervalMs: 50 });
  await harness.put({ 'a.yaml': '1' });
  await harness.witness.until(({ files }) => Buffer.from(files[0]!.bytes).toString() === '1');
  expect(harness.witness.failures).toEqual([]);
});

it('dates decide nothing: commits of tomorrow, of 1970 and older than their parents are taken as they follow', async () => {
  const [now, year] = [Math.floor(Date.now() / 1_000), 365 * 86_400];
  const dates = [now + 50 * year, 1, now - 10 * year, 4_000_000_000, 0, now];
  for (const [index, at] of dates.entries()) {
    await harness.repository.commit({ 'a.yaml': String(index + 1) }, { at });
    await harness.source.refresh();
    expect(harness.witness.snapshots.at(-1)!.commit!.committedAt).toBe(at * 1_000);
  }
  expect([taken(), harness.witness.failures]).toEqual([[0, 1, 2, 3, 4, 5, 6], []]);
});

it(
  'dates that run backwards hide no history from a look that comes late, nor make one of what was rewritten',
  { timeout: 300_000 },
  async () => {
    const now = Math.floor(Date.now() / 1_000);
    const commits = 80;
    for (let number = 1; number <= commits; number += 1)
      await harness.repository.commit({ 'a.yaml': String(number) }, { at: now - number * 86_400 });
    await harness.source.refresh();
    expect([taken(), harness.witness.events]).toEqual([[0, commits], []]);
    // Newer by its date, and of another history.
    await harness.repository.commit({ 'a.yaml': '999' }, { parent: null, at: now + 86_400 });
    await harness.source.refresh();
    expect([taken(), harness.witness.events.map(({ reason }) => reason)]).toEqual([[0, commits], ['RewindRefused']]);
  },
);

it('a branch that is moved away while it is fetched is judged by what came, and ends where it is', async () => {
  await harness.put({ 'a.yaml': '1' });
  const { server } = harness;
  let requests = 0;
  const meanwhile: typeof server.instead = (request, response) => {
    const go = (): void => {
      server.instead = null;
      server.answer(request, response);
      server.instead = meanwhile;
    };
    // Before the fetch proper: what was listed is not what is there any more.
    if (++requests === 3) void harness.repository.commit({ 'a.yaml': '2' }).then(go);
    else go();
  };
  server.instead = meanwhile;
  await harness.source.refresh();
  server.instead = null;
  await harness.source.refresh();
  expect([ascending(taken()), taken().at(-1), harness.witness.failures]).toEqual([true, 2, []]);
});
