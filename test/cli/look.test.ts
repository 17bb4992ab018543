/** The verbs that look, as a person runs them: what is printed, and how a watch goes on. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Harness } from './harness.ts';

// Times of day in golden texts.
process.env['TZ'] = 'UTC';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
});
afterEach(() => cli.stop());

describe('get', () => {
  test('services as a table, in words a pipe can take', async () => {
    const { out } = await cli.run('get', 'services');
    expect(out).toBe(
      [
        'NAME    STATE      HEALTH   READY  TOOLS  REVISION        AGE',
        'broken  Error      UNKNOWN  0/0    0      -               1m',
        'clock   Deploying  UNKNOWN  0/1    0      -               1m',
        'files   Active     HEALTHY  1/1    2      files-aaaaaaaa  1m',
        '',
      ].join('\n'),
    );
  });

  test('colour changes nothing but colour', async () => {
    const { out } = await cli.runWith({ colour: true }, 'get', 'services');
    expect(out).toContain('\u001b[32mActive\u001b[39m');
    // oxlint-disable-next-line no-control-regex -- colours are taken off
    expect(out.replaceAll(/\u001b\[\d+m/g, '')).toBe((await cli.run('get', 'services')).out);
  });

  test('filters, sorts, names, JSON and YAML', async () => {
    expect((await cli.run('get', 'services', '--state', 'Active', '-o', 'name')).out).toBe('service/files\n');
    expect((await cli.run('get', 'services', '-l', 'team!=platform', '-o', 'name')).out).toBe('service/broken\n');
    expect((await cli.run('get', 'services', '--sort-by', 'tools')).out.trim().split('\n').at(-1)).toMatch(/^files/);
    expect(JSON.parse((await cli.run('get', 'services', '-o', 'json')).out)).toMatchObject({ kind: 'ServiceList', items: [{}, {}, {}] });
    expect((await cli.run('get', 'services', 'files', '-o', 'yaml')).out).toMatch(/^apiVersion: fairlead.dev\/v1alpha1\nkind: Service\n/);
  });

  test.each([
    ['rollouts', 'files', /files\s+2\s+in-place\s+RolledBack\s+-\s+0%\s+files-bbbbbbbb/],
    ['revisions', 'files', /files-bbbbbbbb\s+files\s+rejected/],
    ['instances', 'files', /files-aaaaaaaa-0-1\s+files\s+connected\s+HEALTHY\s+stable\s+4242/],
    ['tools', 'files', /read_file\s+files\s+Reads a file/],
    ['events', 'files', /Normal\s+files\s+Happened/],
    ['sources', 'manifests', /folder\s+Read\s+5f5f5f5f /],
  ])('%s of %s', async (kind, name, line) => {
    cli.model.happen({});
    const { code, out } = await cli.run('get', kind, name);
    expect([code, out]).toEqual([0, expect.stringMatching(line)]);
  });

  test('--sort-by orders every output', async () => {
    const byName = await cli.run('get', 'services', '-o', 'name', '--sort-by', 'name');
    const byState = await cli.run('get', 'services', '-o', 'name', '--sort-by', 'state');
    expect(byName.out).toBe('service/broken\nservice/clock\nservice/files\n');
    expect(byState.out).toBe('service/files\nservice/clock\nservice/broken\n');
    const json = JSON.parse((await cli.run('get', 'services', '-o', 'json', '--sort-by', 'state')).out);
    expect(json.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['files', 'clock', 'broken']);
  });

  test('nothing found is said on stderr, so that a pipe stays empty', async () => {
    expect(await cli.run('get', 'services', '--tag', 'nobody')).toMatchObject({ code: 0, out: '', err: 'No services found.\n' });
  });

  test('-w prints what is, then each row that changes, once', async () => {
    const running = cli.follow('get', 'services', '-w');
    await running.says('files ');
    // Changes until one is seen: the stream may open a moment after the first table.
    cli.model.change('files', { health: 'DEGRADED' });
    const prod = setInterval(() => cli.model.change('files', { health: 'DEGRADED' }), 50);
    await running.says('DEGRADED');
    clearInterval(prod);
    running.abort();
    const { out, code } = await running.done;
    expect(code).toBe(0);
    expect(out.match(/^files/gm)).toHaveLength(2);
    expect(out.match(/^broken/gm)).toHaveLength(1);
  });
});

describe('describe, explain, events, tools', () => {
  test('describe says why the last rollout ended as it did', async () => {
    cli.model.happen({ reason: 'RolloutRolledBack', type: 'Warning', message: 'Rollout 2 of files-bbbbbbbb' });
    const { out } = await cli.run('describe', 'service', 'files');
    await expect(out).toMatchFileSnapshot('golden/describe-files.txt');
  });

  test('describe of what never ran', async () => {
    await expect((await cli.run('describe', 'service', 'broken')).out).toMatchFileSnapshot('golden/describe-broken.txt');
  });

  test('explain shows the winner and what it overrode', async () => {
    const { out } = await cli.run('explain', 'files', '--field', 'spec.limits.callTimeout');
    expect(out).toBe(
      'spec.limits.callTimeout: "5s"\n  from Service files, files.yaml:9:19\n  over "20s" from ServiceTemplate node-stdio, template.yaml:7:19\n',
    );
  });

  test('events -w goes on where the list ended, without doubles', async () => {
    cli.model.happen({ reason: 'First' });
    const running = cli.follow('events', '-w');
    await running.says('First');
    const prod = setInterval(() => cli.model.happen({ reason: 'Later' }), 50);
    await running.says('Later');
    clearInterval(prod);
    running.abort();
    expect((await running.done).out.match(/First/g)).toHaveLength(1);
  });

  test('what a process wrote before it ended is told once: the change of state that came of it gives its first and last line', async () => {
    const written = Array.from({ length: 9 }, (_, index) => `trace ${index}`).join('\n');
    cli.model.happen({ reason: 'InstanceFailed', message: `ExitedEarly: code 1.\n${written}` });
    cli.model.happen({ reason: 'StateChanged', message: `Deploying → Error (ExitedEarly): code 1.\n${written}\nIt is started again.` });
    const { out } = await cli.run('events');
    expect(out.match(/trace 4/g)).toHaveLength(1);
    expect(out).toMatch(/Deploying → Error \(ExitedEarly\): code 1\.\n +…\n +It is started again\.\n$/);
    expect((await cli.run('events', '-o', 'json')).out.match(/trace 4/g)).toHaveLength(2);
  });

  test('tools are found by their words', async () => {
    expect((await cli.run('tools', 'lists')).out).toMatch(/^TOOL.*\nlist_directory +files +Lists a directory\.\n$/);
    expect(await cli.run('tools', 'nonsense')).toMatchObject({ code: 0, out: '' });
  });
});
