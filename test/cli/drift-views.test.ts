/** What people and programs see of drift: the views and resources of a service and a source, and what the command line makes of them. */
import { describe, expect, test } from 'vitest';
import { newRecord } from '../../src/core/record.ts';
import { describeSourceText } from '../../src/cli/view/describe-source.ts';
import { describeText } from '../../src/cli/view/describe.ts';
import { plain } from '../../src/cli/view/paint.ts';
import { columnsOf } from '../../src/cli/view/resource-table.ts';
import type { Screen } from '../../src/cli/view/screen.ts';
import { table } from '../../src/cli/view/table.ts';
import type { FilesDrift, RecordedDrift } from '../../src/model/drift.ts';
import type { SourceResource } from '../../src/model/resource.ts';
import { serviceResource, sourceResource } from '../../src/status-api/resources.ts';

const startAt = 1_800_000_000_000;
const now = startAt + 60_000;
const pipe: Screen = { paint: plain, columns: null };

const files: FilesDrift = {
  root: '/data/tree',
  files: [
    { path: 'bin/server.js', change: 'edited', diff: '--- a/bin/server.js\n+++ b/bin/server.js\n@@ -1,1 +1,1 @@\n-one\n+two\n' },
    ...Array.from({ length: 24 }, (_, index) => ({ path: `lib/${index}.js`, change: 'deleted' as const, diff: '' })),
  ],
  since: startAt,
  problem: null,
};

const source = (drift: FilesDrift | null, pruneHeld: readonly string[] = []): SourceResource =>
  sourceResource({
    ...{
      name: 'platform',
      kind: 'git',
      location: 'https://git.example.org/services',
      snapshot: 'a'.repeat(40),
      commit: null,
      refused: null,
    },
    ...{ readAt: startAt, suspended: false, failure: null, unmatchedPaths: [], pruneHeld, services: 1, issues: [] },
    ...{ driftPolicy: 'report', drift },
  });

describe('a source of which files were changed by hand', () => {
  test('says so in its list, with how many they are', () => {
    const listed = (drift: FilesDrift | null): string => table(columnsOf('Source', now, false), [source(drift)], pipe);
    expect(listed(files)).toContain('FilesDrifted(25)');
    expect(listed(null)).not.toContain('FilesDrifted');
  });

  test('has a condition, the first 20 by name, how many there are in all, and what differs', () => {
    const { status } = source(files);
    expect(status.conditions.find(({ type }) => type === 'Drifted')).toMatchObject({
      status: 'True',
      reason: 'FilesDrifted',
      message: 'Changed by hand, and left as they are: bin/server.js (edited), lib/0.js (deleted), lib/1.js (deleted) and 22 more.',
    });
    expect([status.drift!.files.length, status.drift!.total, status.drift!.diff]).toEqual([20, 25, files.files[0]!.diff]);
  });

  test('is described with the diff', () => {
    const text = describeSourceText(source({ ...files, files: files.files.slice(0, 2) }), now, pipe);
    expect(text).toContain('Drift:      is only reported\n');
    expect(text).toContain(
      [
        'Drift:',
        '  Changed by hand since 1m, and left as they are (drift: report):',
        '    edited    bin/server.js',
        '    deleted   lib/0.js',
        '    --- a/bin/server.js',
        '    +++ b/bin/server.js',
        '    @@ -1,1 +1,1 @@',
        '    -one',
        '    +two\n',
      ].join('\n'),
    );
  });

  test('says why they were not put back, though they should have been', () => {
    const text = describeSourceText(source({ ...files, problem: 'ENOSPC: no space left on device' }), now, pipe);
    expect(text).toContain('and not put back: ENOSPC: no space left on device:');
  });
});

test('a source that holds deletions back says how they are let go', () => {
  const text = describeSourceText(source(null, ['files', 'clock']), now, pipe);
  expect(text).toContain('Held:       deletions of files, clock; to let them go: fairlead delete service files clock\n');
});

describe('a service of which something drifted', () => {
  const drifts: RecordedDrift[] = [
    {
      ...{ kind: 'instances', message: 'runs weather-abc-1, which no plan names', diff: '+weather-abc-1 weather-abc\n' },
      ...{ since: startAt, plan: 3, shown: true, sameSince: startAt },
    },
    {
      kind: 'routes',
      message: 'routes nothing rather than 100 % to weather-abc',
      diff: '',
      since: now,
      plan: 3,
      shown: false,
      sameSince: now,
    },
    {
      kind: 'files',
      message: 'bin/server.js (edited) changed by hand',
      diff: '-one\n+two\n',
      since: startAt,
      plan: 0,
      shown: true,
      sameSince: startAt,
    },
  ];
  const service = serviceResource(
    {
      ...{ record: { ...newRecord('weather', startAt), drifts }, observation: null, issues: [], spec: null },
      commits: new Map(),
    },
    0,
  );

  test('shows each kind that lasts, with what differs and since when', () => {
    expect(service.status.drifts.map(({ kind, since }) => [kind, since])).toEqual([
      ['instances', new Date(startAt).toISOString()],
      ['files', new Date(startAt).toISOString()],
    ]);
    const text = describeText({ service, tools: [], events: [], dependants: [] }, now, pipe);
    expect(text).toContain(
      [
        'Drift:',
        '  The host runs weather-abc-1, which no plan names, since 1m:',
        '    +weather-abc-1 weather-abc',
        '  bin/server.js (edited) changed by hand, since 1m:',
        '    -one',
        '    +two\n',
      ].join('\n'),
    );
  });
});
