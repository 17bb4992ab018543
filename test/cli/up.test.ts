/** `up` with a supervisor of our own: settings, what it says, Ctrl-C, and how it ends. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAt } from '../fixtures/read-model.ts';
import { rolloutViews } from '../fixtures/rollout-views.ts';
import { Harness } from './harness.ts';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
});
afterEach(() => cli.stop());

const supervised = async () => {
  await expect.poll(() => cli.supervised).not.toBeNull();
  return cli.supervised!;
};
const ready = async () => (await supervised()).emit({ kind: 'ready', gatewayUrl: 'http://127.0.0.1:7400', statusUrl: cli.url });

describe('settings', () => {
  test('the folder, the data directory beside the manifests, the default addresses', async () => {
    const running = cli.follow('up');
    (await supervised()).end(0);
    await running.done;
    expect(cli.supervised!.settings).toEqual({
      root: cli.folder,
      dataDir: join(cli.folder, '.fairlead'),
      gateway: { host: '127.0.0.1', port: 7400 },
      status: { host: '127.0.0.1', port: 7401 },
    });
  });

  test('fairlead.yaml gives what no flag gives, relative to itself', async () => {
    mkdirSync(join(cli.folder, 'conf'));
    mkdirSync(join(cli.folder, 'conf', 'manifests'));
    cli.file(
      'conf/fairlead.yaml',
      'apiVersion: fairlead.dev/v1alpha1\nkind: Controller\nspec:\n  sources: [{path: ./manifests}]\n  listeners: {gateway: "127.0.0.1:1", status: "[::1]:2"}\n  dataDir: ./data\n  prune: {maxDeletions: 20%}\n',
    );
    const running = cli.follow('up', '-c', 'conf/fairlead.yaml', '--gateway', '0');
    (await supervised()).end(0);
    await running.done;
    expect(cli.supervised!.settings).toEqual({
      root: join(cli.folder, 'conf', 'manifests'),
      dataDir: join(cli.folder, 'conf', 'data'),
      gateway: { host: '127.0.0.1', port: 0 },
      status: { host: '::1', port: 2 },
      maxDeletions: { share: 0.2 },
    });
  });

  test.each([
    [1, ['up', 'nowhere'], 'NotFound'],
    [1, ['up', '-c', 'nowhere.yaml'], 'NotFound'],
    [2, ['up', '-c', 'wrong.yaml'], 'UnknownField'],
    [2, ['up', '--gateway', '7400', '--status', '7400'], 'Usage'],
    [4, ['up', '--gateway', '0.0.0.0:7400'], 'Refused'],
    [4, ['up', '--status', '[::]:7401'], 'Refused'],
  ])('%i for %j', async (code, argv, word) => {
    cli.file('wrong.yaml', 'apiVersion: fairlead.dev/v1alpha1\nkind: Controller\nspec: {listners: {}}\n');
    const ran = await cli.run(...argv);
    expect(ran).toMatchObject({ code, err: expect.stringContaining(word) });
    expect(cli.supervised).toBeNull();
  });

  test('--insecure-listen lets other machines in', async () => {
    const running = cli.follow('up', '--gateway', '0.0.0.0:7400', '--insecure-listen');
    (await supervised()).end(0);
    expect((await running.done).code).toBe(0);
  });
});

describe('what it says', () => {
  test('events of this run as they happen, and once all has settled how it stands and where, after the last of them', async () => {
    cli.model.happen({ reason: 'LongAgo', at: startAt - 3_600_000 });
    const running = cli.follow('up');
    await ready();
    cli.model.happen({ reason: 'EnteredActive', message: 'Deploying → Active (StableServes): it serves.', at: startAt + 60_000 });
    await running.says('Deploying → Active');
    expect(running.out()).not.toContain('MCP endpoint');
    cli.model.change('clock', { state: 'Inactive', rollout: null });
    cli.model.happen({ reason: 'TheLast', at: startAt + 61_000 });
    await running.says('MCP endpoint  http://127.0.0.1:7400/mcp');
    const out = running.out();
    expect(out).not.toContain('LongAgo');
    expect(out.indexOf('TheLast')).toBeLessThan(out.indexOf('MCP endpoint'));
    expect(out).toContain('1 Active');
    expect(out).toContain('broken: ');
    running.interrupt();
    await running.done;
  });

  test('a rollout that waits for somebody does not keep it from saying where', async () => {
    cli.model.change('clock', null);
    cli.model.put(rolloutViews.blueGreen);
    const running = cli.follow('up');
    await ready();
    await running.says('1 Error, 1 Active, 1 Updating');
    expect(running.out()).toContain('MCP endpoint');
    running.interrupt();
    await running.done;
  });

  test('a process that ends is told, with when it starts again', async () => {
    const running = cli.follow('up');
    (await supervised()).emit({ kind: 'exited', process: 'host', reason: 'signal SIGKILL', restartInMs: 100 });
    await running.says('The host ended');
    running.interrupt();
    expect((await running.done).err).toBe('The host ended (signal SIGKILL); it starts again in 100 ms.\n');
  });
});

describe('Ctrl-C', () => {
  test('drains, says so, and ends with 0', async () => {
    const running = cli.follow('up');
    await supervised();
    running.interrupt();
    const { code, out } = await running.done;
    expect([code, cli.supervised!.stops]).toEqual([0, 1]);
    expect(out).toMatch(/Stopping: calls under way end.*\nStopped\./);
  });

  test('the same key press heard twice (terminal, npm, launcher) is one', async () => {
    const running = cli.follow('up');
    await supervised();
    running.interrupt();
    running.interrupt();
    await running.done;
    expect(cli.supervised!.stops).toBe(1);
  });
});
