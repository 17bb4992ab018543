/** A whole Fairlead over a real git repository, and somebody who edits by hand what it laid out: reported, or put back. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { SourceResource } from '../../src/model/resource.ts';
import { GitRepository } from '../fixtures/git-repository.ts';
import { manifestOf, Stand } from './stand.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function following(drift: 'correct' | 'report'): Promise<Stand> {
  const repository = await GitRepository.make();
  endings.push(async () => repository.end());
  await repository.commit({
    'deploy/echo.yaml': manifestOf({ name: 'echo', transport: 'stdio', tag: 'one' }, '/tmp'),
    'deploy/lib.js': 'one\ntwo\n',
  });
  const git = { url: repository.path, allowLocal: true, paths: ['deploy'], interval: '1h', drift };
  const stand = await Stand.follow({ dataDir: './.fairlead', sources: [{ name: 'platform', git }] }, {});
  endings.push(async () => stand.stop());
  await stand.untilActive(['echo']);
  return stand;
}

const laidOut = (stand: Stand): string => join(stand.dataDir, 'sources/platform/tree/deploy/lib.js');

it(
  'reports it, of the source and of the service that runs there, with the diff; a commit is not needed to end it',
  { timeout: 300_000 },
  async () => {
    const stand = await following('report');
    await writeFile(laidOut(stand), 'one\nTWO\n');
    expect(await stand.cli('reconcile', 'platform')).toMatchObject({ code: 0 });
    const sources = await stand.cli('get', 'sources', '-o', 'json');
    const [source] = (JSON.parse(sources.stdout) as { items: SourceResource[] }).items;
    const diff = '--- a/deploy/lib.js\n+++ b/deploy/lib.js\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n';
    expect(source!.status.drift).toMatchObject({ files: [{ path: 'deploy/lib.js', change: 'edited' }], total: 1, diff });
    expect((await stand.cli('get', 'sources')).stdout).toContain('FilesDrifted(1)');
    expect((await stand.cli('describe', 'source', 'platform')).stdout).toContain('+TWO');
    const { stdout } = await stand.cli('describe', 'service', 'echo');
    expect(stdout).toMatch(/Drifted +True +FilesDrifted/);
    expect(stdout).toContain('+TWO');
    expect(await readFile(laidOut(stand), 'utf8')).toBe('one\nTWO\n');
    await writeFile(laidOut(stand), 'one\ntwo\n');
    await stand.cli('reconcile', 'platform');
    expect((await stand.cli('describe', 'service', 'echo')).stdout).toMatch(/Drifted +False/);
  },
);

it('puts it back and tells it, where nothing else is said', { timeout: 300_000 }, async () => {
  const stand = await following('correct');
  await writeFile(laidOut(stand), 'one\nTWO\n');
  await stand.cli('reconcile');
  expect(await readFile(laidOut(stand), 'utf8')).toBe('one\ntwo\n');
  expect((await stand.cli('events')).stdout).toContain('platform: Changed by hand, and put back: deploy/lib.js (edited).');
  expect((await stand.cli('get', 'sources')).stdout).not.toContain('FilesDrifted');
});
