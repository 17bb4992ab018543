/** Which controller a command line speaks to, and what it says when that one is not there or does not know. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toolArguments } from '../../src/cli/tool-arguments.ts';
import { Harness } from './harness.ts';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
});
afterEach(() => cli.stop());

describe('a data directory that is named', () => {
  // Not set, so that the harness's own does not count.
  const env = { FAIRLEAD_SERVER: undefined } as unknown as Record<string, string>;

  test('and on which nothing runs is not another controller', async () => {
    mkdirSync(join(cli.folder, 'data'));
    for (const argv of [['get', 'services'], ['down'], ['apply', '-f', 'files.yaml']]) {
      cli.file('files.yaml', '');
      const { code, err } = await cli.runWith({ env }, ...argv, '--data-dir', 'data');
      expect([argv[0], code]).toEqual([argv[0], 3]);
      expect(err).toContain(join(cli.folder, 'data'));
    }
    expect(cli.asked).toEqual([]);
  });

  test('is looked into by doctor and version all the same', async () => {
    mkdirSync(join(cli.folder, 'data'));
    const doctor = await cli.runWith({ env }, 'doctor', '-o', 'json', '--data-dir', 'data');
    expect(doctor.code).toBe(1);
    expect(JSON.parse(doctor.out)).toContainEqual(expect.objectContaining({ what: 'controller', good: false }));
    const version = await cli.runWith({ env }, 'version', '-o', 'json', '--data-dir', 'data');
    expect([version.code, JSON.parse(version.out)]).toEqual([0, expect.objectContaining({ controller: null })]);
  });

  test('says where its controller is', async () => {
    mkdirSync(join(cli.folder, 'data'));
    writeFileSync(join(cli.folder, 'data', 'run.json'), JSON.stringify({ statusUrl: cli.url }));
    expect(await cli.runWith({ env }, 'get', 'services', '-o', 'name', '--data-dir', 'data')).toMatchObject({ code: 0 });
  });
});

test('a service that offers nothing now is told apart from a tool that it does not have', async () => {
  const { code, err } = await cli.run('call', 'anything', '--service', 'broken');
  expect(code).toBe(1);
  expect(err).toContain('fairlead describe service broken');
});

test.each(['{', '[1]', 'null'])('--json %s is refused with an example of --json', (json) => {
  expect(() => toolArguments({}, [], json)).toThrow(
    expect.objectContaining({ code: 'Usage', data: { next: expect.stringContaining('--json') } }),
  );
});
