/** What commits are said to have come to, from how everything stands. */
import { describe, expect, test } from 'vitest';
import { commitStatuses, type StatusHistory } from '../../src/controller/commit-status.ts';
import { CommitWorld, rejectionOf } from './commit-world.ts';

/** `state` of each commit's whole and services, by the number of the commit. */
function states(history: StatusHistory): Record<string, string> {
  return Object.fromEntries(
    history.flatMap(({ commit, whole, services }) => [
      [String(Number(commit)), whole.state],
      ...Object.entries(services).map(([name, { state }]) => [`${Number(commit)}/${name}`, state]),
    ]),
  );
}

describe('what is said of a commit', () => {
  /** Steps of a world, each followed by a look. */
  function told(...steps: ((world: CommitWorld) => void)[]): { history: StatusHistory; world: CommitWorld } {
    const world = new CommitWorld();
    let history: StatusHistory = [];
    for (const step of steps) {
      step(world);
      history = commitStatuses(world.facts(), history);
      expect(commitStatuses(world.facts(), history)).toEqual(history);
    }
    return { history, world };
  }
  const deploy = (changes: Record<string, string | null>) => (world: CommitWorld) => {
    world.commit(changes);
    for (const name of Object.keys(changes)) world.pass(name);
  };
  const end =
    (name: string, good = true) =>
    (world: CommitWorld) =>
      world.end(name, good);

  test('pending while its services move, success when all are what it says', () => {
    const begin = [deploy({ files: '1', clock: '1' })];
    expect(states(told(...begin).history)).toEqual({ 1: 'pending', '1/files': 'pending', '1/clock': 'pending' });
    expect(states(told(...begin, end('files')).history)).toEqual({ 1: 'pending', '1/files': 'success', '1/clock': 'pending' });
    const { history } = told(...begin, end('files'), end('clock'));
    expect(states(history)).toEqual({ 1: 'success', '1/files': 'success', '1/clock': 'success' });
    expect(history[0]!.whole.description).toBe('2 services as declared');
  });

  test('failure with the reason when a service is taken back; a later commit elsewhere is none of it', () => {
    const { history } = told(deploy({ files: '1', clock: '1' }), end('files', false), end('clock'), deploy({ clock: '2' }), end('clock'));
    expect(states(history)).toEqual({ 1: 'failure', '1/files': 'failure', '1/clock': 'success', 2: 'success', '2/clock': 'success' });
    expect(history[0]!.whole.description).toBe('files: CheckFailed: alive answered otherwise');
  });

  test('a fix supersedes what was under way, and what had ended stays as it ended', () => {
    const { history, world } = told(deploy({ files: '1', clock: '1' }), end('clock'), deploy({ files: '2' }), end('files'));
    expect(states(history)).toEqual({ 1: 'error', '1/files': 'error', '1/clock': 'success', 2: 'success', '2/files': 'success' });
    expect(history[0]!.services['files']!.description).toBe(`superseded by ${world.head!.slice(0, 12)}`);
    const bad = told(deploy({ files: '1' }), end('files', false), deploy({ files: '2' }), end('files'));
    expect(states(bad.history)).toEqual({ 1: 'failure', '1/files': 'failure', 2: 'success', '2/files': 'success' });
  });

  test('a commit that touches nothing that runs is a success at once, and the one before goes on', () => {
    const { history } = told(deploy({ files: '1' }), (world) => void world.commit({}));
    expect(states(history)).toEqual({ 1: 'pending', '1/files': 'pending', 2: 'success' });
    expect(history[1]!.whole.description).toBe('Nothing that runs changes');
  });

  test('what turns bad after its promotion turns the status', () => {
    expect(states(told(deploy({ files: '1' }), end('files'), (world) => world.regress('files')).history)).toEqual({
      1: 'failure',
      '1/files': 'failure',
    });
  });

  test('a first deployment that fails to start again and again is a failure while it is tried on, and a success once it starts', () => {
    const failing = (failures: number) => (world: CommitWorld) => {
      const record = world.records.get('files')!;
      const lastFailure = { code: 'ExitedEarly', message: 'It exited with code 3.', at: 0 };
      world.records.set('files', { ...record, rollout: { ...record.rollout!, failures, lastFailure } });
    };
    expect(states(told(deploy({ files: '1' }), failing(2)).history)).toEqual({ 1: 'pending', '1/files': 'pending' });
    const { history } = told(deploy({ files: '1' }), failing(3));
    expect(states(history)).toEqual({ 1: 'failure', '1/files': 'failure' });
    expect(history[0]!.services['files']!.description).toBe('ExitedEarly: It exited with code 3. Nothing of it serves; it is tried again.');
    expect(states(told(deploy({ files: '1' }), failing(4), end('files')).history)).toEqual({ 1: 'success', '1/files': 'success' });
    // Where something serves already, the rollout itself comes to an end.
    const second = told(deploy({ files: '1' }), end('files'), deploy({ files: '2' }), failing(3));
    expect(states(second.history)).toMatchObject({ 2: 'pending', '2/files': 'pending' });
  });

  test('a reason that its message begins with is said once', () => {
    const rejected = (world: CommitWorld) => {
      const record = world.records.get('files')!;
      const rejections = [{ ...rejectionOf(record), reason: 'ExitedEarly', message: 'ExitedEarly: It exited with code 3.' }];
      world.records.set('files', { ...record, rollout: null, rejections });
    };
    expect(told(deploy({ files: '1' }), rejected).history[0]!.whole.description).toBe('files: ExitedEarly: It exited with code 3.');
  });

  test('a manifest that does not compile fails the commit, with its place, and stays with the commit that broke it', () => {
    const { history } = told(deploy({ files: '1' }), end('files'), deploy({ files: 'invalid' }), (world) => void world.commit({}));
    expect(states(history)).toEqual({ 1: 'success', '1/files': 'success', 2: 'failure', '2/files': 'failure', 3: 'failure' });
    expect(history[1]!.services['files']!.description).toBe('files.yaml:7:3: No field `replicsa`.');
  });

  test('a suspended service holds its change back without being pending, and follows when it is resumed', () => {
    const steps = [deploy({ files: '1' }), end('files'), (world: CommitWorld) => world.suspend('files', true), deploy({ files: '2' })];
    expect(states(told(...steps).history)).toEqual({ 1: 'success', '1/files': 'success', 2: 'error', '2/files': 'error' });
    const resume = (world: CommitWorld) => {
      world.suspend('files', false);
      world.pass('files');
    };
    expect(states(told(...steps, resume).history)).toMatchObject({ 2: 'pending', '2/files': 'pending' });
    expect(states(told(...steps, resume, end('files')).history)).toMatchObject({ 2: 'success', '2/files': 'success' });
  });

  test('a deletion is pending until it is gone; one that the prune guard holds is not', () => {
    const steps = [deploy({ files: '1', clock: '1' }), end('files'), end('clock'), deploy({ files: null })];
    expect(states(told(...steps).history)).toMatchObject({ 2: 'pending', '2/files': 'pending' });
    expect(states(told(...steps, end('files')).history)).toMatchObject({ 1: 'success', 2: 'success', '2/files': 'success' });
    const held = (world: CommitWorld) => {
      world.commit({});
      world.hold('clock');
    };
    const { history } = told(...steps.slice(0, 3), held);
    expect(states(history)).toMatchObject({ 2: 'error', '2/clock': 'error' });
    expect(history[1]!.services['clock']!.description).toContain('prune guard');
  });

  test('what waits for others is pending only while one of them moves', () => {
    const waiting = (world: CommitWorld) => world.records.set('files', { ...world.records.get('files')!, rollout: null });
    const { history } = told(deploy({ files: '1', clock: '1' }), waiting);
    expect(states(history)).toMatchObject({ '1/files': 'pending', '1/clock': 'pending' });
    expect(states(told(deploy({ files: '1', clock: '1' }), waiting, end('clock')).history)).toMatchObject({
      1: 'error',
      '1/files': 'error',
      '1/clock': 'success',
    });
  });

  test('nothing is said of commits before the first that was seen', () => {
    const world = new CommitWorld();
    deploy({ files: '1' })(world);
    world.end('files', true);
    world.commit({});
    expect(states(commitStatuses(world.facts(), []))).toEqual({ 2: 'success' });
  });

  test('before the first Snapshot nothing is said', () => {
    expect(commitStatuses(new CommitWorld().facts(), [])).toEqual([]);
  });
});
