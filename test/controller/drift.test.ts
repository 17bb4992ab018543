/** Files that a source laid out and somebody changed: which services hear of it, and what a pass is told of policy. */
import { describe, expect, it } from 'vitest';
import { ownFiles } from '../../src/controller/own-files.ts';
import type { DriftPolicy, FilesDrift } from '../../src/model/drift.ts';
import type { Service } from '../../src/model/service.ts';
import { service } from '../core/situation.ts';
import { FakeSource, World } from './world.ts';

const drifted = (...paths: string[]): FilesDrift => ({
  root: '/tree',
  files: paths.map((path) => ({ path, change: 'edited', diff: `-${path}\n+${path} otherwise\n` })),
  since: 7,
  problem: null,
});

/** A Service that runs in a folder of the tree. */
function inFolder(name: string, cwd: string, command = ['node', 'server.js']): Service {
  const made = service(name, { name, expose: { ...service('1').expose, prefix: name } });
  const { revision } = made;
  const origin = { ...made.origin, source: 'git' };
  return { ...made, origin, specHash: name, revision: { ...revision, run: { ...revision.run, cwd, command } as typeof revision.run } };
}

async function worldOf(services: Service[], policy: DriftPolicy = 'report'): Promise<World> {
  const world = new World();
  const source = new FakeSource('git');
  source.isGit = true;
  source.drift = policy;
  world.sources = [source];
  source.declare(services);
  await world.start();
  world.host.connect();
  await world.settle();
  return world;
}

const conditionOf = (world: World, name: string): string => {
  const { status, reason } = world.controller.readModel.service(name)!.record.conditions.find(({ type }) => type === 'Drifted')!;
  return `${status}/${reason}`;
};
const diffOf = (world: World, name: string): string[] => world.controller.readModel.service(name)!.record.drifts.map(({ diff }) => diff);

describe('files that a source says were changed by hand', () => {
  it('concern the services that run in their folder, each with its own files, and the source with all', async () => {
    const world = await worldOf([inFolder('a', '/tree/a'), inFolder('b', '/tree/b'), inFolder('c', '/elsewhere')]);
    world.source.drifts(drifted('a/x.js', 'a/y.js', 'b/x.js'));
    await world.settle();
    expect(['a', 'b', 'c'].map((name) => conditionOf(world, name))).toEqual(['True/FilesDrifted', 'True/FilesDrifted', 'False/AsPromoted']);
    expect(diffOf(world, 'b')).toEqual(['-b/x.js\n+b/x.js otherwise\n']);
    const [source] = world.controller.readModel.sources();
    expect([source!.driftPolicy, source!.drift!.files.length]).toEqual(['report', 3]);
    world.source.drifts(drifted('b/x.js'));
    await world.settle();
    expect([conditionOf(world, 'a'), conditionOf(world, 'b')]).toEqual(['False/AsPromoted', 'True/FilesDrifted']);
  });

  it('are no other than before while a controller that began anew has not heard whether they are', async () => {
    const world = await worldOf([inFolder('a', '/tree/a')]);
    world.source.drifts(drifted('a/x.js'));
    await world.settle();
    await world.kill();
    await world.start();
    world.host.connect();
    await world.settle();
    expect(conditionOf(world, 'a')).toBe('True/FilesDrifted');
    world.source.drifts(null);
    await world.settle();
    expect(conditionOf(world, 'a')).toBe('False/AsPromoted');
    const told = await world.store.events({ service: 'a' });
    expect(told.map(({ reason }) => reason).filter((reason) => reason.startsWith('Files'))).toEqual(['FilesDrifted', 'FilesRestored']);
  });

  it('are not taken for why the newest commit is not', async () => {
    const world = await worldOf([inFolder('a', '/tree/a')]);
    world.source.happens({ type: 'Warning', reason: 'FilesCorrected', message: 'Changed by hand, and put back: a.', snapshot: null });
    await world.settle();
    expect(world.controller.readModel.sources()[0]!.refused).toBeNull();
    const told = await world.store.events({});
    expect(told.find(({ reason }) => reason === 'FilesCorrected')?.message).toBe('git: Changed by hand, and put back: a.');
  });
});

describe('an instance that the host runs and no plan names', () => {
  for (const policy of ['correct', 'report'] as const) {
    it(`is shown when it lasts though nothing else happens, and ${policy === 'correct' ? 'gone a moment later' : 'left'} by policy ${policy}`, async () => {
      const world = await worldOf([inFolder('a', '/elsewhere')], policy);
      world.host.strangers.set('a', 'a-stranger-0-9');
      world.host.report('a');
      await world.settle();
      const sent = world.host.sent.length;
      await world.clock.advance(9_000);
      expect([conditionOf(world, 'a'), world.host.sent.length]).toEqual(['False/AsPromoted', sent]);
      await world.clock.advance(2_000);
      await world.settle();
      const told = await world.store.events({ service: 'a' });
      expect(told.filter(({ reason }) => reason === 'InstancesDrifted').map(({ message }) => message)).toEqual([
        'The host runs a-stranger-0-9, which no plan names.',
      ]);
      expect([conditionOf(world, 'a'), world.host.strangers.has('a')]).toEqual(
        policy === 'correct' ? ['False/AsPromoted', false] : ['True/InstancesDrifted', true],
      );
    });
  }
});

describe('the files of a service', () => {
  const drift = drifted('a/x.js', 'lib/run.js', 'ab/x.js');

  it('are those below its working directory and those that its command names, and none of a folder with a longer name', () => {
    expect(ownFiles(inFolder('a', '/tree/a', ['node', '../lib/run.js']), drift)?.files.map(({ path }) => path)).toEqual([
      'a/x.js',
      'lib/run.js',
    ]);
    expect(ownFiles(inFolder('a', '/tree'), drift)).toBe(drift);
    expect(ownFiles(inFolder('a', '${instance.dir}'), drift)).toBeNull();
  });
});
