/** `comment` against doubles of the forges' APIs (see forge-double.ts). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ForgeDouble, token } from '../forges/forge-double.ts';
import { Harness, type Ran } from './harness.ts';

let cli: Harness;
let double: ForgeDouble;

beforeEach(() => void (cli = new Harness()));
afterEach(async () => {
  await cli.stop();
  await double.stop();
});

async function comment(body: string, more: readonly string[], env: Record<string, string> = { FAIRLEAD_FORGE_TOKEN: token }): Promise<Ran> {
  cli.file('plan.md', body);
  return cli.runWith({ env }, 'comment', '1', '-f', 'plan.md', ...more);
}

test.each([
  ['github', 'https://github.com/acme/services.git'],
  ['gitlab', 'git@gitlab.com:acme/services.git'],
  ['gitea', 'ssh://git@codeberg.org/acme/services.git'],
] as const)('%s: once, and then in its place', async (kind, repository) => {
  double = new ForgeDouble(kind);
  await double.start();
  double.open('change', 'main');
  const at = ['--repository', repository, '--api', double.url];
  expect(await comment('<!-- fairlead-plan -->\nfirst', at)).toMatchObject({ code: 0, out: 'commented on acme/services#1\n' });
  expect(await comment('second', at)).toMatchObject({ code: 0, out: 'updated the comment on acme/services#1\n' });
  expect(double.comments.map(({ body }) => body)).toEqual(['<!-- fairlead-plan -->\nsecond']);
});

test('without a token, with an address of no forge, or of one that nobody names, nothing is sent', async () => {
  double = new ForgeDouble('github');
  await double.start();
  const api = ['--api', double.url];
  expect(await comment('x', ['--repository', 'https://github.com/acme/services', ...api], {})).toMatchObject({
    code: 2,
    err: expect.stringContaining('FAIRLEAD_FORGE_TOKEN'),
  });
  expect(await comment('x', ['--repository', '/srv/git/services', ...api])).toMatchObject({ code: 2 });
  expect(await comment('x', ['--repository', 'https://git.acme.example/acme/services', ...api])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--forge'),
  });
  expect(double.asked).toEqual([]);
});

test('a token that may not is said to be one, and not shown', async () => {
  double = new ForgeDouble('github');
  await double.start();
  const ran = await comment('x', ['--repository', 'https://github.com/acme/services', '--api', double.url], {
    FAIRLEAD_FORGE_TOKEN: 'another-one-3n',
  });
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('ForgeUnauthorized') });
  expect(ran.out + ran.err).not.toContain('another-one-3n');
});

test('a forge that is not there by https may be elsewhere, and a password in the address is nobody’s to see', async () => {
  double = new ForgeDouble('gitea');
  await double.start();
  const { host } = new URL(double.url);
  const ran = await comment('x', ['--repository', `http://ada:hidden-9x@${host}/acme/services`, '--forge', 'gitea']);
  expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('--api') });
  expect(ran.err).not.toContain('hidden-9x');
  const none = await comment('x', ['--repository', `https://ada:hidden-9x@${host}/services`, '--forge', 'gitea']);
  expect(none).toMatchObject({ code: 2, err: expect.stringContaining('names no repository on a forge') });
  expect(none.err).not.toContain('hidden-9x');
});
