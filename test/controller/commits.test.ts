/** Which commits services are from: remembered for those that services speak of, over newer commits and restarts, and not without bound. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Commits } from '../../src/controller/commits.ts';
import { newRecord } from '../../src/core/record.ts';
import type { ServiceResource, SourceResource } from '../../src/model/resource.ts';
import type { CommitFacts } from '../../src/model/snapshot.ts';
import { revisionResources, serviceResource, sourceResource } from '../../src/status-api/resources.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { service as serviceOf } from '../core/situation.ts';
import { FakeSource, World } from './world.ts';

const facts = (id: string): CommitFacts => ({
  id,
  parent: null,
  author: 'Ada',
  email: 'ada@example.org',
  subject: 'Change',
  committedAt: 1,
});

describe('of a controller', () => {
  let world: World;
  let commits: number;

  beforeEach(() => {
    world = new World();
    world.sources = [new FakeSource('main')];
    world.source.isGit = true;
    commits = 0;
  });

  const version = (name: string, text: string, commit: number) =>
    serviceOf(text, { name, origin: { source: 'main', snapshot: `main-${commit}`, file: `${name}.yaml`, line: 1 } });

  /** The next commit; each service says of which commit its version is. */
  async function commit(versions: Readonly<Record<string, [text: string, since: number]>>): Promise<void> {
    commits += 1;
    world.source.declare(Object.entries(versions).map(([name, [text, since]]) => version(name, text, since)));
    await world.clock.advance(60_000);
  }

  async function start(): Promise<void> {
    await world.start();
    world.host.connect();
    await world.clock.advance(60_000);
  }

  const seen = (name: string): ServiceResource => serviceResource(world.controller.readModel.service(name)!, 0);
  const source = (): SourceResource => sourceResource(world.controller.readModel.sources()[0]!);
  const ids = ({ observedCommit, status }: ServiceResource): unknown[] => [
    observedCommit,
    status.commit?.id,
    status.appliedCommit,
    status.applied?.id,
  ];

  test('a service keeps the commit that changed it while newer ones change others, also after a restart', async () => {
    await commit({ files: ['v1', 1], clock: ['v1', 1] });
    await start();
    await commit({ files: ['v1', 1], clock: ['v2', 2] });
    await commit({ files: ['v1', 1], clock: ['v3', 3] });
    expect([ids(seen('files')), ids(seen('clock'))]).toEqual([Array(4).fill('main-1'), Array(4).fill('main-3')]);
    await world.kill();
    await start();
    expect([ids(seen('files')), ids(seen('clock'))]).toEqual([Array(4).fill('main-1'), Array(4).fill('main-3')]);
    expect(seen('files').status.commit).toEqual({
      id: 'main-1',
      author: 'Ada',
      email: 'ada@example.org',
      subject: 'Change',
      committedAt: '1970-01-01T00:00:00.001Z',
    });
    expect([source().observedCommit, source().status.commit?.id]).toEqual(['main-3', 'main-3']);
  });

  test('a commit that was taken back is observed and not applied, and each rollout and revision says which it is from', async () => {
    await commit({ files: ['v1', 1] });
    await start();
    world.host.connects = (revision) => revision !== serviceOf('v2').revision.hash;
    await commit({ files: ['v2', 2] });
    await world.clock.advance(3_600_000);
    const files = seen('files');
    expect(ids(files)).toEqual(['main-2', 'main-2', 'main-1', 'main-1']);
    expect(files.status.history.map(({ phase, snapshot, commit: of }) => [phase, snapshot, of?.id])).toEqual([
      ['RolledBack', 'main-2', 'main-2'],
      ['Promoted', 'main-1', 'main-1'],
    ]);
    const revisions = revisionResources(world.controller.readModel.service('files')!);
    expect(revisions.map(({ status: { role, snapshot, commit: of } }) => [role, snapshot, of?.subject])).toEqual([
      ['stable', 'main-1', 'Change'],
      ['rejected', 'main-2', 'Change'],
    ]);
  });

  test('the rollout under way says which commit it carries out', async () => {
    await commit({ files: ['v1', 1] });
    await start();
    world.host.connects = (revision) => revision !== serviceOf('v2').revision.hash;
    await commit({ files: ['v2', 2] });
    expect(seen('files').status.rollout?.commit?.id).toBe('main-2');
    const revisions = revisionResources(world.controller.readModel.service('files')!);
    expect(revisions.map(({ status: { role, snapshot } }) => [role, snapshot])).toEqual([
      ['stable', 'main-1'],
      ['target', 'main-2'],
    ]);
  });

  test('a folder has none', async () => {
    world.source.isGit = false;
    await commit({ files: ['v1', 1] });
    await start();
    expect(ids(seen('files'))).toEqual(['main-1', undefined, 'main-1', undefined]);
    expect(source().status.commit).toBeNull();
  });

  test('why the newest commit is not taken is said for as long as that stands', async () => {
    await commit({ files: ['v1', 1] });
    await start();
    world.source.unreadable('Commit main-2 is refused: it is not signed.');
    world.source.happens({
      type: 'Warning',
      reason: 'CommitUnverified',
      message: 'Commit main-2 is refused: it is not signed.',
      snapshot: 'main-2',
    });
    await world.clock.advance(0);
    expect(source().status.refused).toEqual({
      commit: 'main-2',
      reason: 'CommitUnverified',
      message: 'Commit main-2 is refused: it is not signed.',
    });
    expect(source().status.conditions[0]).toMatchObject({ type: 'Readable', status: 'False', reason: 'CommitUnverified' });
    expect(source().status.commit?.id).toBe('main-1');
    await commit({ files: ['v3', 2] });
    expect([source().status.refused, source().status.failure]).toEqual([null, null]);
  });

  test('a rewind that policy lets through is no refusal', async () => {
    await commit({ files: ['v1', 1] });
    await start();
    world.source.happens({ type: 'Warning', reason: 'HistoryRewound', message: 'It was rewritten.', snapshot: 'main-2' });
    await world.clock.advance(0);
    expect(source().status.refused).toBeNull();
  });
});

describe('when there are many', () => {
  test('those that no service speaks of go first, then the oldest; the newest never', async () => {
    const store = createMemoryStore();
    const epoch = await store.takeEpoch();
    const record = { ...newRecord('files', 0), observedSnapshot: 'a', appliedSnapshot: 'b' };
    const commits = new Commits(store, epoch, () => [record], 3);
    for (const id of ['a', 'b', 'c', 'd']) await commits.keep(facts(id));
    expect([...commits.known.keys()]).toEqual(['a', 'b', 'd']);
    const both = new Commits(store, epoch, () => [record, { ...record, observedSnapshot: 'd' }], 3);
    await both.load();
    await both.keep(facts('e'));
    expect([...both.known.keys()]).toEqual(['b', 'd', 'e']);
  });

  test('a commit that is known already is not stored again', async () => {
    const store = createMemoryStore();
    const commits = new Commits(store, await store.takeEpoch(), () => []);
    await commits.keep(facts('a'));
    await store.takeEpoch();
    await expect(commits.keep(facts('a'))).resolves.toBeUndefined();
    await expect(commits.keep(facts('b'))).rejects.toMatchObject({ code: 'StaleEpoch' });
    expect([...commits.known.keys()]).toEqual(['a']);
  });
});
