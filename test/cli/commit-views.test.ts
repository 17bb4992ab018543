/** Where people see which commit things are from: describe, tables, and what a hostile commit can do to a terminal: nothing. */
import { describe, expect, test } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import { explainError } from '../../src/cli/errors.ts';
import { describeSourceText } from '../../src/cli/view/describe-source.ts';
import { describeText } from '../../src/cli/view/describe.ts';
import { issueText } from '../../src/cli/view/issues.ts';
import { plain } from '../../src/cli/view/paint.ts';
import { columnsOf, historyColumns } from '../../src/cli/view/resource-table.ts';
import { table } from '../../src/cli/view/table.ts';
import type { AnyResource, ResourceKind, SourceResource } from '../../src/model/resource.ts';
import type { CommitFacts } from '../../src/model/snapshot.ts';
import type { ServiceView, SourceView } from '../../src/ports/read-model.ts';
import { revisionResources, rolloutResources, serviceResource, sourceResource } from '../../src/status-api/resources.ts';
import { rolloutViews } from '../fixtures/rollout-views.ts';
import { startAt } from '../fixtures/service-views.ts';

const now = startAt + 60_000;
const pipe = { paint: plain, columns: null };
const [first, second] = ['1f'.repeat(20), '2e'.repeat(20)];

const commit = (id: string, more: Partial<CommitFacts> = {}): CommitFacts => ({
  ...{ id, parent: null, author: 'Ada Lovelace', email: 'ada@example.org', subject: 'Weather by the hour', committedAt: startAt },
  ...more,
});

/** Taken back: the second commit is declared, the first one runs. */
function view(...known: readonly CommitFacts[]): ServiceView {
  const { takenBack } = rolloutViews;
  const { record } = takenBack;
  const verdicts = record.verdicts.map((verdict, index) => ({ ...verdict, snapshot: index === 0 ? second : first }));
  return {
    ...takenBack,
    record: { ...record, observedSnapshot: second, appliedSnapshot: first, verdicts },
    commits: new Map(known.map((facts) => [facts.id, facts])),
  };
}

const described = (of: ServiceView): string =>
  describeText({ service: serviceResource(of, 0), tools: [], events: [], dependants: [] }, now, pipe);
const historyOf = (of: ServiceView): string => table(historyColumns(now), rolloutResources(of), pipe);
const listed = (kind: ResourceKind, items: readonly AnyResource[], wide: boolean): string => table(columnsOf(kind, now, wide), items, pipe);

const source = (more: Partial<SourceView>): SourceResource =>
  sourceResource({
    ...{
      name: 'platform',
      kind: 'git',
      location: 'https://git.example.org/services',
      snapshot: first,
      commit: commit(first),
      refused: null,
      driftPolicy: 'correct',
      drift: null,
    },
    ...{ readAt: startAt, suspended: false, failure: null, unmatchedPaths: [], pruneHeld: [], services: 1, issues: [] },
    ...more,
  });

describe('a service', () => {
  test('says of which commit the service is, and which one runs where that is another', () => {
    const text = described(view(commit(first), commit(second, { subject: 'Weather by the minute', author: 'Grace Hopper', email: '' })));
    expect(text).toMatch(/^Declared in: +weather\.yaml of source manifests$/m);
    expect(text).toMatch(/^Commit: +2e2e2e2e2e2e “Weather by the minute”, Grace Hopper, 1m ago$/m);
    expect(text).toMatch(/^Runs commit: +1f1f1f1f1f1f “Weather by the hour”, Ada Lovelace <ada@example\.org>, 1m ago$/m);
  });

  test('says nothing twice where the declared commit runs', () => {
    const same = view(commit(second));
    const text = described({ ...same, record: { ...same.record, appliedSnapshot: second } });
    expect([/^Commit:/m.test(text), /^Runs commit:/m.test(text)]).toEqual([true, false]);
  });

  test('names the one that runs also when nothing else is known of it, and of a folder says no commit', () => {
    expect(described(view(commit(second)))).toMatch(/^Runs commit: +1f1f1f1f1f1f$/m);
    const folder = described(view());
    expect(folder).toMatch(/^Declared in: +weather\.yaml of source manifests, snapshot 2e2e2e2e2e2e$/m);
    expect(folder).not.toMatch(/ommit:/);
  });
});

test('tables have the short commit of each service, rollout and revision', () => {
  const of = view(commit(first), commit(second));
  expect(listed('Service', [serviceResource(of, 0)], true)).toMatch(/COMMIT +APPLIED[^]*2e2e2e2e +1f1f1f1f/);
  expect(historyOf(of)).toMatch(/2e2e2e2e +RolledBack[^]*1f1f1f1f +Promoted/);
  expect(historyOf(of)).toContain('Weather by the hour');
  expect(listed('Revision', revisionResources(of), false)).toContain('COMMIT');
  expect(listed('Revision', revisionResources(of), true)).toMatch(/SUBJECT +AUTHOR/);
});

describe('sources', () => {
  test('say what their commit is about', () => {
    expect(listed('Source', [source({})], false)).toMatch(/Read +1f1f1f1f +Weather by the hour/);
  });

  test.each(['CommitUnverified', 'RewindRefused', 'RefGone', 'CommitTooLarge'] as const)(
    'say why a newer one is not taken: %s',
    (reason) => {
      const failure = `Commit 2e2e2e2e2e is refused: because. Tried again every 1m.`;
      const refused = { type: 'Warning', reason, message: failure, snapshot: second } as const;
      const text = listed('Source', [source({ failure, refused })], false);
      expect(text).toMatch(new RegExp(`git +${reason} +1f1f1f1f .* ${failure}$`, 'm'));
    },
  );

  test('that cannot be read say so, and why at the end of the line, where it pushes no column away', () => {
    expect(listed('Source', [source({ failure: 'no such repository' })], false)).toMatch(
      /git +Unreadable +1f1f1f1f .* no such repository$/m,
    );
  });

  test('says which of its paths match nothing, in its state, its description and its conditions', () => {
    const message = 'The path deplyo matches nothing in commit 1f1f1f1f1f (branch main). Did you mean deploy?';
    const misspelt = source({ unmatchedPaths: [{ path: 'deplyo', near: 'deploy', message }] });
    expect(listed('Source', [misspelt], false)).toContain('PathsUnmatched(1)');
    expect(describeSourceText(misspelt, now, pipe)).toContain(message);
    const of = (item: SourceResource) => item.status.conditions.find(({ type }) => type === 'PathsMatched');
    expect(of(misspelt)).toMatchObject({ status: 'False', reason: 'PathsUnmatched', message });
    expect([of(source({}))?.status, of(source({ kind: 'folder' }))]).toEqual(['True', undefined]);
  });
});

test('what a commit says moves no cursor, turns no writing around and fits one line, wherever it is shown', () => {
  const hostile = 'x\u001b[2J\u001b]0;owned\u0007\u202egnp.exe\u2066\r\n\u0008FORGED:  line';
  const of = view(...[first, second].map((id) => commit(id, { subject: hostile, author: hostile, email: hostile })));
  const failure = `Commit ${hostile} is refused.`;
  const texts = [
    described(of),
    listed('Service', [serviceResource(of, 0)], true),
    historyOf(of),
    listed('Revision', revisionResources(of), true),
    listed('Source', [source({ failure, commit: commit(first, { subject: hostile, author: hostile }) })], true),
  ];
  for (const text of texts) {
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).not.toMatch(/^FORGED/m);
  }
});

test('what a file is called does neither, nor what a server says', () => {
  const hostile = 'x\u001b]0;owned\u0007\u202egnp\r\nFORGED: line.yaml';
  const issue = { code: 'YamlSyntax', severity: 'error', message: hostile, file: hostile, line: 1, column: 1, path: hostile } as const;
  const refused = new FairleadError('Refused', `The server says ${hostile.replaceAll(/[\r\n]/g, '')}`, {
    data: { issues: [issue], next: hostile.replaceAll(/[\r\n]/g, '') },
  });
  for (const text of [issueText(issue, plain, null), explainError(refused, plain)]) {
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).not.toMatch(/^FORGED/m);
  }
});
