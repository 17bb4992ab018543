/** A commit whose rollout was taken back is proposed to be reverted, once, by a source that asks for it. */
import { beforeEach, expect, it } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import type { PullRequestDraft } from '../../src/ports/forge.ts';
import type { Event } from '../../src/model/event.ts';
import { Operator } from '../../src/controller/operator.ts';
import { declared, manifest, Repository, RepositorySource } from './repository.ts';
import { World } from './world.ts';

let repository: Repository;
let world: World;
let drafts: PullRequestDraft[];
/** Thrown by the forge when it is asked to open a pull request. */
let refusal: Error | null;
let asked: number;

const bad = declared('files', 'bad').revision;
const stable = declared('files', 'v1').revision;

beforeEach(async () => {
  drafts = [];
  refusal = null;
  asked = 0;
  repository = new Repository();
  repository.push({ 'files.yaml': manifest('files', 'v1'), 'clock.yaml': manifest('clock', 'v1') }, 'The first');
  world = new World();
  world.sources = [new RepositorySource('platform', repository)];
  world.proposals = {
    base: 'main',
    compareUrl: (branch) => `https://forge.example/compare/${branch}`,
    propose: (draft) => {
      asked += 1;
      if (refusal !== null) return Promise.reject(refusal);
      const before = drafts.findIndex(({ branch }) => branch === draft.branch);
      if (before < 0) drafts.push(draft);
      const number = before < 0 ? drafts.length : before + 1;
      return Promise.resolve({ number, url: `https://forge.example/pull/${number}`, created: before < 0 });
    },
    planText: () => 'the plan',
    reverts: true,
  };
  world.host.connects = (revision) => revision !== bad.hash;
  await world.start();
  world.host.connect();
  await world.settle();
});

const source = () => world.source as RepositorySource;

async function push(files: Record<string, string | null>, subject: string): Promise<string> {
  const id = repository.push(files, subject);
  await source().refresh();
  await world.clock.advance(1_000);
  return id;
}

const branchOf = (service: string, commit: string) => `fairlead/revert-${service}-${commit.slice(0, 12)}`;
const branches = () => [...repository.branches.keys()].filter((branch) => branch !== 'main');
const told = async (): Promise<Event[]> => (await world.store.events({})).filter(({ reason }) => reason.startsWith('Revert'));

/** Long enough for a rollout to miss its deadline, and for what follows from that. */
const tooLong = 3_600_000;

it('a branch goes back to what stable declares, and says what is taken back and why', async () => {
  const commit = await push({ 'files.yaml': manifest('files', 'bad'), 'clock.yaml': manifest('clock', 'v2') }, 'Newer files @everyone');
  await world.clock.advance(tooLong);
  const branch = branchOf('files', commit);
  expect(branches()).toEqual([branch]);
  expect(repository.tip(branch)).toMatchObject({
    parent: commit,
    subject: `Revert files to ${stable.name}`,
    author: null,
    trailers: [['Fairlead-Verb', 'revert']],
    files: { 'files.yaml': manifest('files', 'v1'), 'clock.yaml': manifest('clock', 'v2') },
  });
  expect(drafts).toMatchObject([{ branch, base: 'main', title: `Revert files to ${stable.name}` }]);
  expect(drafts[0]!.body).toContain(`${bad.name} was rolled back, and ${stable.name} serves on:\n\n    ProgressDeadlineExceeded: `);
  expect(drafts[0]!.body).toContain(`This takes back commit ${commit} (Newer files @everyone) for files.\n\nthe plan`);
  expect(await told()).toMatchObject([
    {
      reason: 'RevertProposed',
      type: 'Normal',
      service: 'files',
      snapshot: commit,
      actor: 'controller',
      message: expect.stringContaining('/pull/1'),
    },
  ]);
  expect(repository.log()[0]).toBe('Newer files @everyone');
});

it('is proposed once, whatever else is committed, and also by the controller that comes after a kill', async () => {
  const commit = await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  await push({ 'clock.yaml': manifest('clock', 'v2') }, 'Something else');
  await world.clock.advance(tooLong);
  await world.kill();
  repository.branches.delete(branchOf('files', commit));
  await world.start();
  world.host.connect();
  await world.clock.advance(tooLong);
  expect(branches()).toEqual([]);
  expect([asked, (await told()).length]).toEqual([1, 1]);
});

it('a kill between the push and the memory of it leaves one branch, one pull request and one event', async () => {
  const commit = await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  await world.store.saveSetting(world.controller.epoch, 'revert-proposals', null);
  await push({ 'clock.yaml': manifest('clock', 'v2') }, 'Something else');
  await world.kill();
  await world.start();
  world.host.connect();
  await world.clock.advance(tooLong);
  expect(branches()).toEqual([branchOf('files', commit)]);
  expect([drafts.length, asked, (await told()).length]).toEqual([1, 2, 1]);
});

it('each service that a commit spoils gets a proposal of its own', async () => {
  const also = declared('clock', 'bad').revision.hash;
  world.host.connects = (revision) => revision !== bad.hash && revision !== also;
  const commit = await push({ 'files.yaml': manifest('files', 'bad'), 'clock.yaml': manifest('clock', 'bad') }, 'Newer');
  await world.clock.advance(tooLong);
  expect(branches().sort()).toEqual([branchOf('clock', commit), branchOf('files', commit)]);
});

it('a commit that spoils very many does not flood the forge: who looks is told to take it back whole', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `many-${index}`);
  const all = (version: string) => Object.fromEntries(names.map((name) => [`${name}.yaml`, manifest(name, version)]));
  await push(all('v1'), 'Many');
  const spoilt = new Set(names.map((name) => declared(name, 'bad').revision.hash));
  world.host.connects = (revision) => !spoilt.has(revision);
  const commit = await push(all('bad'), 'All of them');
  await world.clock.advance(tooLong);
  expect([branches().length, drafts.length]).toEqual([10, 10]);
  const not = (await told()).filter(({ reason }) => reason === 'RevertNotProposed');
  expect(not.map(({ message }) => message)).toEqual(Array(2).fill(expect.stringContaining(`git revert ${commit}`)));
});

it('a first deployment has nothing to go back to', async () => {
  const never = declared('weather', 'v1').revision.hash;
  world.host.connects = (revision) => revision !== never;
  await push({ 'weather.yaml': manifest('weather', 'v1') }, 'Weather');
  await new Operator(world.controller, () => {}).command('weather', 'abort', 7);
  await world.clock.advance(tooLong);
  expect(world.controller.readModel.service('weather')!.record.rejections).toMatchObject([{ revision: never }]);
  expect([branches(), await told()]).toEqual([[], []]);
});

it('nothing is proposed of a commit that was mended before its rollout ended, or of one that is good', async () => {
  await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await push({ 'files.yaml': manifest('files', 'v2') }, 'Mended');
  await world.clock.advance(tooLong);
  expect(world.controller.readModel.service('files')!.record.stable!.hash).toBe(declared('files', 'v2').revision.hash);
  expect([branches(), await told()]).toEqual([[], []]);
});

it('nor where the source does not ask for it', async () => {
  await world.kill();
  world.proposals = { ...world.proposals!, reverts: false };
  await world.start();
  world.host.connect();
  await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  expect(branches()).toEqual([]);
});

it('merging it ends the matter', async () => {
  const commit = await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  await push(repository.tip(branchOf('files', commit)).files, 'Merged');
  await world.clock.advance(tooLong);
  expect(world.state('files')).toBe('Active');
  expect([branches().length, asked]).toEqual([1, 1]);
});

it('a forge that does not open it is asked again, ever more rarely, and one line says so', async () => {
  refusal = new FairleadError('ForgeUnreachable', 'The forge did not answer.');
  const commit = await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  // A rollout has ten minutes, 50 are left: after 5, 10, 20 … seconds, then every five minutes.
  expect(asked).toBeGreaterThan(10);
  expect(asked).toBeLessThan(20);
  expect(await told()).toMatchObject([
    { reason: 'RevertNotProposed', type: 'Warning', message: expect.stringContaining('did not answer') },
  ]);
  // The branch has another parent than what would be pushed now.
  await push({ 'clock.yaml': manifest('clock', 'v2') }, 'Something else');
  refusal = null;
  await world.clock.advance(tooLong);
  expect(drafts.map(({ branch }) => branch)).toEqual([branchOf('files', commit)]);
  expect((await told()).map(({ reason }) => reason).toSorted()).toEqual(['RevertNotProposed', 'RevertProposed']);
});

it('a server that cannot be reached is asked again, too', async () => {
  source().refuse = new FairleadError('SourceUnreachable', 'The server is away.');
  const commit = await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  expect(branches()).toEqual([]);
  source().refuse = null;
  await world.clock.advance(300_000);
  expect(branches()).toEqual([branchOf('files', commit)]);
});

it('a push that a stop ends is no failure', async () => {
  const pushing = Promise.withResolvers<never>();
  source().write = async () => pushing.promise;
  await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  const closed = world.controller.close();
  pushing.reject(new FairleadError('SourceUnreachable', 'It was ended.'));
  await closed;
  expect(await told()).toEqual([]);
});

it('what the source refuses is told, and not asked for again', async () => {
  source().refuse = new FairleadError('Refused', 'Nothing may be pushed with these credentials.');
  await push({ 'files.yaml': manifest('files', 'bad') }, 'Newer files');
  await world.clock.advance(tooLong);
  source().refuse = null;
  await world.clock.advance(tooLong);
  expect(branches()).toEqual([]);
  expect(await told()).toMatchObject([{ reason: 'RevertNotProposed', message: 'Nothing may be pushed with these credentials.' }]);
});
