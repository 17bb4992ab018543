/** `fairlead lock`: what is shown of what would be approved, and that nothing else is. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LockReport } from '../../src/ports/admin.ts';
import { contract } from '../fixtures/service-views.ts';
import { Harness } from './harness.ts';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
  cli.lockReport = report;
});
afterEach(() => cli.stop());

const [one, two, three] = ['a1', 'b2', 'c3'].map((digits) => digits.repeat(32)) as [string, string, string];
const difference = { class: 'breaking', kind: 'tool', name: 'add', path: '', message: 'parameter b is now required' } as const;
const comparison = { from: one, to: two, class: 'breaking', differences: [difference], more: 2 } as const;
const report: LockReport = {
  token: 'tok-2',
  source: 'folder',
  changes: [
    { service: 'files', before: one, after: two, revision: 'files-aaaaaaaa', comparison },
    { service: 'fresh', before: null, after: two, revision: 'fresh-bbbbbbbb', comparison: null },
    { service: 'moved', before: null, after: two, revision: 'moved-cccccccc', comparison },
    { service: 'old', before: three, after: null, revision: null, comparison: null },
    { service: 'strange', before: three, after: two, revision: 'strange-dddddddd', comparison: null },
  ],
  same: ['clock'],
  skipped: [{ service: 'asleep', why: 'nothing of it runs, it is Inactive' }],
};
const shown = `files: a1a1a1a1a1a1 → b2b2b2b2b2b2, which files-aaaaaaaa offers
  breaking    tool add: parameter b is now required
  and 2 more
fresh: not locked → b2b2b2b2b2b2, which fresh-bbbbbbbb offers
moved: not locked → b2b2b2b2b2b2, which moved-cccccccc offers
  since it was promoted:
  breaking    tool add: parameter b is now required
  and 2 more
old: c3c3c3c3c3c3 → not locked, for no manifest declares it
strange: c3c3c3c3c3c3 → b2b2b2b2b2b2, which strange-dddddddd offers
  what was locked is not known here: look at its tools before you approve
asleep: left as it is, nothing of it runs, it is Inactive
5 to change, 1 offer what is locked. Plan tok-2.
`;

describe('lock', () => {
  test('shows what would be approved, and approves exactly that', async () => {
    expect(await cli.run('lock')).toMatchObject({ code: 0, out: `${shown}service/files changed\n` });
    const request = { services: [], target: false };
    expect(cli.asked).toEqual([
      ['planLock', request],
      ['lock', request, 'tok-2', expect.objectContaining({ message: null, propose: false })],
    ]);
  });

  test('passes on what is meant, and how it is to be written', async () => {
    await cli.run('lock', 'files', 'clock', '--source', 'platform', '--target', '--plan', 'tok-1', '-m', 'Looked at', '--propose');
    const request = { services: ['files', 'clock'], source: 'platform', target: true };
    expect(cli.asked).toEqual([
      ['planLock', request],
      ['lock', request, 'tok-1', expect.objectContaining({ message: 'Looked at', propose: true })],
    ]);
  });

  test.each([
    ['--check', 1],
    ['--dry-run', 0],
  ])('with %s writes nothing', async (flag, code) => {
    expect(await cli.run('lock', flag)).toMatchObject({ code, out: shown });
    const json = await cli.run('lock', flag, '-o', 'json');
    expect([json.code, JSON.parse(json.out)]).toEqual([code, report]);
    expect(cli.asked.map(([method]) => method)).toEqual(['planLock', 'planLock']);
  });

  test('of what is locked already writes nothing, and says so', async () => {
    cli.lockReport = { ...report, changes: [], skipped: [] };
    const out = 'Nothing to lock: 1 of 1 services offer what is locked.\n';
    expect(await cli.run('lock')).toMatchObject({ code: 0, out });
    expect(await cli.run('lock', '--check')).toMatchObject({ code: 0, out });
    expect(cli.asked.map(([method]) => method)).toEqual(['planLock', 'planLock']);
  });

  test.each([
    ['--check', '--propose'],
    ['--dry-run', '-m', 'why'],
    ['--check', '--wait'],
    ['-o', 'json'],
  ])('is told nothing that goes not together: %s %s', async (...flags) => {
    expect(await cli.run('lock', ...flags)).toMatchObject({ code: 2 });
    expect(cli.asked).toEqual([]);
  });
});

test.each([
  ['as locked', contract.hash],
  ['but a1a1a1a1a1a1 is locked', one],
])('describe says of a locked service that its contract is %s', async (words, locked) => {
  const { desired } = cli.model.service('files')!.record;
  cli.model.change('files', { desired: { ...desired!, lock: { contract: locked } } });
  expect((await cli.run('describe', 'service', 'files')).out).toContain(`Contract:     dddddddddddd, ${words}\n`);
  const { status } = JSON.parse((await cli.run('get', 'services', 'files', '-o', 'json')).out) as { status: unknown };
  expect(status).toMatchObject({ contract: { offered: contract.hash, locked } });
});
