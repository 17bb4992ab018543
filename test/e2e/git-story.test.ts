/**
 * Git as the source of truth, from an empty repository to a refused commit, in one piece: real processes, a real git server that
 * asks for a password, pushes told by the repository's own hook, calls all along. The forge's API is a double (see
 * forge-double.ts). Fairlead polls once an hour, so nothing here comes about by waiting.
 */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isMissing } from '../fixtures/partners.ts';
import { token } from '../forges/forge-double.ts';
import type { Told } from './event-feed.ts';
import { Callers } from './git-story/callers.ts';
import { clock, service, template, withoutPlaces } from './git-story/manifests.ts';
import { Place } from './git-story/place.ts';

let place: Place;
let callers: Callers | null = null;

beforeEach(async () => {
  place = await Place.open();
}, 200_000);
afterEach(async () => {
  await callers?.stop();
  expect((await place.close()).left).toEqual([]);
}, 200_000);

const states = (commit: string, name: string | null = null): string[] => place.said(commit, name).map(({ state }) => state);
const newest = (commit: string, name: string | null = null) => place.said(commit, name).at(-1);

/** Waits for the last word on a commit. */
async function verdict(commit: string, name: string | null = null): Promise<{ state: string; description: string }> {
  await expect.poll(() => newest(commit, name)?.state ?? 'none', { interval: 20 }).not.toMatch(/none|pending/);
  return newest(commit, name)!;
}

/** Waits for an Event of that commit. */
async function happened(reason: string, commit: string, name: string | null = null): Promise<Told> {
  return place.events.next(
    `${reason} of ${name ?? 'the source'} at ${commit}`,
    (event) => event.reason === reason && event.commit === commit && event.service === name,
  );
}

describe.skipIf(isMissing('git', 'openssh-client'))('the whole story (skipped without git and ssh-keygen)', () => {
  test('from nothing over a plan, a canary, a bad commit and an undo to one that nobody signed', { timeout: 300_000 }, async () => {
    await place.events.next('the empty repository to be noticed', ({ reason }) => reason === 'SourceUnreadable');

    // The first push is the first deployment.
    const first = place.commit('The first services', {
      'deploy/template.yaml': template('r1'),
      'deploy/files.yaml': service('files'),
      'deploy/weather.yaml': service('weather'),
      'deploy/clock.yaml': clock(),
    });
    expect(await place.push()).toContain('told of refs/heads/main: 202');
    expect(await verdict(first)).toEqual({ state: 'success', description: '3 services as declared' });
    callers = new Callers(place.stand, ['files', 'weather'], 4);
    await callers.untilAnswered('files', 'r1');

    const merged = await aReviewedChange();
    await aBadCommitAndItsFix(merged);
    const undone = await anUndo(merged);
    await aCommitThatNobodySigned(undone);

    await callers.stop();
    expect(callers.wrong).toEqual([]);
    // Only the bad Revision failed anybody, and it was taken back.
    expect([...callers.failures.keys()]).toEqual(['files bad']);
    expect(place.double.statuses.filter(({ state }) => state === 'pending').length).toBeGreaterThan(0);
    expect(openStatuses()).toEqual([]);
    expect(Place.tells(place.stand.output + place.events.words())).toBe(false);
  });
});

/** A branch with another default in the template, its plan on the pull request, the merge, and the canaries that it leads to. */
async function aReviewedChange(): Promise<string> {
  place.clone.git('checkout', '--quiet', '-b', 'second-tag');
  place.commit('Everything says r2', { 'deploy/template.yaml': template('r2') });
  expect(await place.push('second-tag')).toContain('told of refs/heads/second-tag: 202');
  const { number } = place.double.open('second-tag', 'main');

  const plan = await place.inClone(['plan', '--from', 'origin/main', '--to', 'HEAD', '--path', 'deploy', '-o', 'markdown']);
  expect(plan).toMatchObject({ code: 1, err: '' });
  await expect(withoutPlaces(plan.out)).toMatchFileSnapshot('git-story/plan.md.txt');
  place.clone.put({ '../plan.md': plan.out });
  const where = ['--repository', place.url, '--forge', 'gitea', '--api', place.double.url];
  const comment = ['comment', String(number), '-f', join(place.clone.folder, '../plan.md'), ...where];
  expect(await place.inClone(comment, { FAIRLEAD_FORGE_TOKEN: token })).toMatchObject({ code: 0 });
  expect(place.double.comments.map(({ pull, body }) => [pull, body.trim()])).toEqual([[number, plan.out.trim()]]);

  const commit = place.merge('second-tag');
  await place.push();
  expect(await verdict(commit)).toEqual({ state: 'success', description: '2 services as declared' });
  for (const name of ['files', 'weather']) {
    expect(await verdict(commit, name)).toMatchObject({ state: 'success' });
    expect(states(commit, name)[0]).toBe('pending');
    await happened('RolloutPromoted', commit, name);
    await callers!.untilAnswered(name, 'r2');
  }
  expect(place.said(commit, 'clock')).toEqual([]);
  return commit;
}

/** It fails its analysis and is taken back. A hasty fix, which never starts, is superseded by a better one; what was said of the bad one stays. */
async function aBadCommitAndItsFix(before: string): Promise<void> {
  const bad = place.commit('Faster files', { 'deploy/files.yaml': service('files', { tag: 'bad', mode: 'errors' }) });
  await place.push();
  const taken = await happened('RolloutRolledBack', bad, 'files');
  expect(taken.message).toMatch(/errorRate: .* is exceeded/);
  const failure = { state: 'failure', description: expect.stringMatching(/AnalysisFailed: errorRate: .* of \d+ calls failed/) };
  expect([await verdict(bad), await verdict(bad, 'files')]).toEqual([failure, failure]);
  await callers!.untilAnswered('files', 'r2');
  expect((await place.stand.service('files'))!.status.history[0]).toMatchObject({ phase: 'RolledBack', snapshot: bad });

  const hasty = place.commit('Files, hastily mended', { 'deploy/files.yaml': service('files', { tag: 'hasty', mode: 'hang' }) });
  await place.push();
  await happened('RolloutStarted', hasty, 'files');
  await expect.poll(() => newest(hasty, 'files')?.state, { interval: 10 }).toBe('pending');
  const fixed = place.commit('Files, mended', { 'deploy/files.yaml': service('files', { tag: 'r3' }) });
  await place.push();
  expect(await verdict(fixed)).toEqual({ state: 'success', description: '1 service as declared' });
  await callers!.untilAnswered('files', 'r3');
  expect(await verdict(hasty)).toMatchObject({ state: 'error', description: expect.stringContaining('uperseded') });
  expect([newest(bad), newest(bad, 'files'), newest(before)?.state]).toEqual([failure, failure, 'success']);
}

/** A commit of Fairlead's own, signed, that writes what the manifest was before. */
async function anUndo(merged: string): Promise<string> {
  const undo = await place.stand.cli(
    'rollout',
    'undo',
    'files',
    '--wait',
    '--author',
    'Ada <ada@example.org>',
    '--data-dir',
    place.stand.dataDir,
  );
  expect(undo).toMatchObject({ code: 0 });
  const commit = await place.pull();
  const written = place.clone.git('log', '-1', '--format=%an|%cn|%s', commit);
  expect(written).toMatch(/^Ada\|Fairlead\|Undo files to files-[0-9a-f]{8}$/);
  expect(place.clone.git('diff', '--stat', merged, commit, '--', 'deploy')).toBe('');
  expect(await verdict(commit)).toEqual({ state: 'success', description: '1 service as declared' });
  await callers!.untilAnswered('files', 'r2');
  return commit;
}

/** It is refused with its reason, and nothing moves; one that is signed, on top of it, is taken. */
async function aCommitThatNobodySigned(before: string): Promise<void> {
  const unsigned = place.commit('Nobody saw this', { 'deploy/files.yaml': service('files', { tag: 'unsigned' }) }, false);
  await place.push();
  const refused = await happened('CommitUnverified', unsigned);
  expect(refused.message).toContain(`Commit ${unsigned.slice(0, 10)} is refused: `);
  const sources = await place.stand.cli('get', 'sources', '-o', 'json');
  expect(JSON.parse(sources.stdout)).toMatchObject({
    items: [
      { observedCommit: before, status: { failure: expect.stringContaining('is refused'), refused: { reason: 'CommitUnverified' } } },
    ],
  });
  await callers!.untilAnswered('files', 'r2');
  expect(place.said(unsigned)).toEqual([]);

  const signed = place.commit('Ada saw this', { 'deploy/files.yaml': service('files', { tag: 'r4' }) });
  await place.push();
  expect(await verdict(signed)).toEqual({ state: 'success', description: '1 service as declared' });
  await callers!.untilAnswered('files', 'r4');
  expect([...callers!.answers.keys()]).not.toContain('files unsigned');
}

/** Commits and contexts of which the last word is that something is under way. */
function openStatuses(): string[] {
  const last = new Map(place.double.statuses.map(({ commit, context, state }) => [`${String(commit)} ${String(context)}`, state]));
  return [...last].filter(([, state]) => state === 'pending').map(([key]) => key);
}
