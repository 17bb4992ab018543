/** What a whole controller tells the forge, from the commits of a source to the words on them. */
import { beforeEach, expect, test } from 'vitest';
import type { CommitStatus } from '../../src/ports/forge.ts';
import { service as serviceOf } from '../core/situation.ts';
import { FakeSource, World } from './world.ts';

let world: World;
let told: CommitStatus[];

beforeEach(() => {
  told = [];
  world = new World();
  world.sources = [new FakeSource('main')];
  world.source.isGit = true;
  world.forge = {
    kind: 'gitea',
    propose: () => Promise.reject(new Error('not asked for here')),
    comment: () => Promise.reject(new Error('not asked for here')),
    setStatus: (status) => Promise.resolve(void told.push(status)),
  };
});

let commits = 0;
const version = (name: string, text: string) =>
  serviceOf(text, { name, origin: { source: 'main', snapshot: `main-${commits}`, file: `${name}.yaml`, line: 1 } });

/** The source is at its next commit, with these services at these versions; those that are as before keep their commit. */
function commit(versions: Readonly<Record<string, string>>, before: Readonly<Record<string, ReturnType<typeof version>>> = {}) {
  commits += 1;
  const services = Object.fromEntries(Object.entries(versions).map(([name, text]) => [name, version(name, text)]));
  for (const [name, service] of Object.entries(before)) if (services[name]?.specHash === service.specHash) services[name] = service;
  world.source.declare(Object.values(services));
  return services;
}

/** The newest of each commit and context. */
function newest(): Record<string, string> {
  return Object.fromEntries(told.map((status) => [`${status.commit} ${status.context}`, status.state]));
}

test('a commit is pending until its services serve, and a bad one fails with its reason while the rest stays as it was', async () => {
  commits = 0;
  const first = commit({ files: 'v1', clock: 'v1' });
  await world.start();
  world.host.connect();
  await world.clock.advance(1_000);
  expect(newest()).toEqual({
    'main-1 fairlead/main': 'success',
    'main-1 fairlead/main/files': 'success',
    'main-1 fairlead/main/clock': 'success',
  });

  const bad = serviceOf('v2').revision.hash;
  world.host.connects = (revision) => revision !== bad;
  const second = commit({ files: 'v2', clock: 'v1' }, first);
  await world.clock.advance(1_000);
  expect(newest()).toMatchObject({ 'main-2 fairlead/main': 'pending', 'main-2 fairlead/main/files': 'pending' });
  await world.clock.advance(3_600_000);
  expect(newest()).toMatchObject({ 'main-2 fairlead/main': 'failure', 'main-2 fairlead/main/files': 'failure' });
  expect(told.at(-1)!.description).toContain('ProgressDeadlineExceeded');

  commit({ files: 'v3', clock: 'v1' }, second);
  await world.clock.advance(60_000);
  expect(newest()).toEqual({
    'main-1 fairlead/main': 'success',
    'main-1 fairlead/main/files': 'success',
    'main-1 fairlead/main/clock': 'success',
    'main-2 fairlead/main': 'failure',
    'main-2 fairlead/main/files': 'failure',
    'main-3 fairlead/main': 'success',
    'main-3 fairlead/main/files': 'success',
  });
});

test('a controller that is killed in the middle of a rollout leaves none pending: the next one goes on', async () => {
  commits = 0;
  const first = commit({ files: 'v1' });
  await world.start();
  world.host.connect();
  await world.clock.advance(1_000);
  const slow = serviceOf('v2').revision.hash;
  world.host.connects = (revision) => revision !== slow;
  commit({ files: 'v2' }, first);
  await world.clock.advance(1_000);
  expect(newest()).toMatchObject({ 'main-2 fairlead/main/files': 'pending' });
  await world.kill();
  world.source.declare([version('files', 'v3')].map((service) => ({ ...service, origin: { ...service.origin, snapshot: 'main-3' } })));
  await world.start();
  world.host.connect();
  await world.clock.advance(60_000);
  expect(Object.values(newest())).not.toContain('pending');
  expect(newest()).toMatchObject({ 'main-2 fairlead/main/files': 'error', 'main-3 fairlead/main/files': 'success' });
});

test('a folder has no commits, and nobody is told', async () => {
  commits = 0;
  world.source.isGit = false;
  commit({ files: 'v1' });
  await world.start();
  world.host.connect();
  await world.clock.advance(60_000);
  expect(told).toEqual([]);
});
