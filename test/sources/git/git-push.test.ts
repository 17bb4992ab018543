/** Pushing to a git repository over http: branches that moved, servers that refuse, and connections that break off at the worst moment. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change, Written } from '../../../src/ports/source.ts';
import { systemClock } from '../../../src/processes/clock.ts';
import { createGitSource } from '../../../src/sources/git/git-source.ts';
import { changeOf } from '../../ports/source-contract.ts';
import { GitHarness, Witness } from './git-harness.ts';

type Answer = NonNullable<GitHarness['server']['instead']>;

let harness: GitHarness;
const write = (files: Change['files'], own: Partial<Change> = {}): Promise<Written> => harness.write(files, own);
const text = (path: string): Promise<string> => harness.repository.git('show', `main:${path}`);

/** Every request is answered by it from now on. */
function instead(answer: Answer): void {
  harness.server.instead = answer;
}

/** As the server answers when nobody stands in its way. */
const past: Answer = (request, response) => {
  const { server } = harness;
  const kept = server.instead;
  server.instead = null;
  server.answer(request, response);
  server.instead = kept;
};

const isPush: (request: Parameters<Answer>[0]) => boolean = ({ method, url }) => method === 'POST' && url!.endsWith('git-receive-pack');

beforeEach(async () => {
  harness = await GitHarness.make({ 'a.yaml': '1' });
  await harness.start();
});
afterEach(() => harness.end());

describe('a branch that moved', () => {
  it('is left as it is, and written to once what it holds has been read', async () => {
    const theirs = await harness.repository.commit({ 'b.yaml': '1' });
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({ code: 'SourceMoved' });
    expect(await harness.repository.tip()).toBe(theirs);
    await harness.source.refresh();
    await write({ 'a.yaml': '2' });
    expect(harness.texts).toEqual({ 'a.yaml': '2', 'b.yaml': '1' });
  });

  it('backwards does not come forward again by a write', async () => {
    const first = (await harness.repository.tip())!;
    await write({ 'a.yaml': '2' });
    await harness.repository.git('update-ref', 'refs/heads/main', first);
    await expect(write({ 'a.yaml': '3' })).rejects.toMatchObject({ code: 'SourceMoved' });
    expect(await harness.repository.tip()).toBe(first);
  });

  it('to what is refused is not written on top of', async () => {
    await harness.repository.commit({ 'a.yaml': 'other' }, { parent: null });
    await harness.source.refresh();
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('does not follow from'),
    });
  });

  it('between two sources that write at the same moment loses nothing: one is written, the other is told', async () => {
    const witness = new Witness();
    const other = createGitSource({
      settings: harness.settings,
      folder: join(harness.folder, 'other'),
      clock: systemClock,
    });
    try {
      await other.start(witness);
      const onto = (await harness.repository.tip())!;
      // Both have been told where the branch is before either sends its commit.
      const waiting: (() => void)[] = [];
      instead((request, response) => {
        if (request.method !== 'POST') return past(request, response);
        waiting.push(() => past(request, response));
        if (waiting.length < 2) return;
        harness.server.instead = null;
        for (const go of waiting) go();
      });
      const outcomes = await Promise.allSettled([
        harness.source.write(changeOf({ 'a.yaml': '2' }, onto)),
        other.write(changeOf({ 'b.yaml': '2' }, onto)),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const lost = outcomes.find((outcome) => outcome.status === 'rejected')!;
      expect(lost.reason).toMatchObject({ code: 'SourceMoved' });
      await Promise.all([harness.source.refresh(), other.refresh()]);
      if (outcomes[0].status === 'rejected') await write({ 'a.yaml': '2' });
      else await other.write(changeOf({ 'b.yaml': '2' }, witness.snapshots.at(-1)!.id));
      expect([await text('a.yaml'), await text('b.yaml')]).toEqual(['2', '2']);
      expect(await harness.repository.git('rev-list', '--count', 'main')).toBe('3');
    } finally {
      await other.close();
    }
  });
});

describe('a server that does not take it', () => {
  it.each([
    [
      'a hook',
      'update',
      'echo "policy: two reviews are needed" >&2; exit 1',
      'hook declined: policy: two reviews are needed error: hook declined to update refs/heads/main.',
    ],
    ['a hook that says nothing', 'pre-receive', 'exit 1', 'pre-receive hook declined.'],
  ])('%s refuses it in words of its own, and a proposal is suggested', async (_what, name, script, words) => {
    await harness.hook(name, script);
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'Refused',
      message: `${harness.server.host} refuses the commit on branch main: ${words}`,
      data: { next: expect.stringContaining('--propose') },
    });
    expect([await text('a.yaml'), harness.texts, harness.witness.failures]).toEqual(['1', { 'a.yaml': '1' }, []]);
  });

  it('does not get a secret or control characters shown that it sends back', async () => {
    const token = join(harness.folder, 'token');
    await writeFile(token, 'hunter2-hunter2');
    await harness.restart({ credentials: { token: { file: token } } });
    await harness.hook('update', `printf 'got hunter2-hunter2 and \\033[31m ghp_0123456789abcdefghijABCDEFGHIJ012345' >&2; exit 1`);
    const refused = await write({ 'a.yaml': '2' }).catch((thrown: Error) => thrown);
    expect((refused as Error).message).toMatch(/hook declined: got \*\*\*\* and \ufffd\[31m \*\*\*\*/);
  });

  it('whose credentials may only read is told from one that cannot be reached', async () => {
    await harness.repository.git('config', 'http.receivepack', 'false');
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringMatching(/does not allow it with these credentials/),
      data: { next: expect.stringContaining('credentials that may push') },
    });
    await harness.lose();
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({ code: 'SourceUnreachable' });
    await harness.restore();
  });

  it('because it has a problem of its own does not pass for one that refuses', async () => {
    instead((request, response) => (isPush(request) ? void response.writeHead(503).end() : past(request, response)));
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'SourceUnreachable',
      message: expect.stringMatching(/has a problem of its own .* nothing was written so far/),
    });
  });

  it('with a secret that is not there is not asked', async () => {
    const onto = harness.witness.snapshots.at(-1)!.id;
    await harness.restart({ credentials: { token: { env: 'FAIRLEAD_TEST_NO_SUCH_SECRET' } } });
    harness.server.requests.length = 0;
    await expect(harness.source.write(changeOf({ 'a.yaml': '2' }, onto))).rejects.toMatchObject({ code: 'SecretUnavailable' });
    expect(harness.server.requests).toEqual([]);
  });
});

describe('a connection that breaks off during the push', () => {
  it('before the commit arrived says that nothing was written', async () => {
    const onto = await harness.repository.tip();
    instead((request, response) => (isPush(request) ? void request.socket.destroy() : past(request, response)));
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'SourceUnreachable',
      message: expect.stringContaining(`branch main is at ${onto!.slice(0, 10)} still`),
    });
    harness.server.instead = null;
    await write({ 'a.yaml': '2' });
    expect(harness.texts).toEqual({ 'a.yaml': '2' });
  });

  it('after the commit arrived is a commit that was written, and is handed out', async () => {
    loseAnswers();
    const { snapshot } = await write({ 'a.yaml': '2' });
    expect([await harness.repository.tip(), harness.witness.snapshots.at(-1)!.id]).toEqual([snapshot, snapshot]);
  });

  it('after the commit arrived and somebody went on from it is a commit that was written', async () => {
    loseAnswers(() => harness.put({ 'b.yaml': '1' }));
    const { snapshot } = await write({ 'a.yaml': '2' });
    expect(harness.witness.snapshots.at(-1)!.id).toBe(snapshot);
    await harness.source.refresh();
    expect([harness.texts, harness.witness.failures]).toEqual([{ 'a.yaml': '2', 'b.yaml': '1' }, []]);
  });

  it('while somebody else was quicker is a branch that moved', async () => {
    instead((request, response) => {
      if (!isPush(request)) return past(request, response);
      void harness.put({ 'b.yaml': '1' }).then(() => request.socket.destroy());
    });
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({ code: 'SourceMoved' });
    expect(await harness.repository.git('ls-tree', '--name-only', 'main')).toBe('a.yaml\nb.yaml');
  });

  it('and a server that cannot be asked afterwards leave open what became of it, and the next read tells', async () => {
    loseAnswers(() => {
      instead((request) => void request.socket.destroy());
      return Promise.resolve();
    });
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({
      code: 'SourceUnreachable',
      message: expect.stringContaining('is not known'),
      data: { next: expect.stringContaining('before trying again') },
    });
    harness.server.instead = null;
    await harness.source.refresh();
    expect(harness.texts).toEqual({ 'a.yaml': '2' });
  });

  it('because the source is closed ends the write', async () => {
    let asked = (): void => {};
    const reached = new Promise<void>((done) => (asked = done));
    instead(() => asked());
    const writing = write({ 'a.yaml': '2' });
    const ended = expect(writing).rejects.toMatchObject({ code: 'SourceUnreachable' });
    await reached;
    await harness.source.close();
    await ended;
    await expect(write({ 'a.yaml': '2' })).rejects.toMatchObject({ code: 'Refused' });
  });

  /** Lets a push through, and its answer be lost once it is done. */
  function loseAnswers(then: () => Promise<void> = () => Promise.resolve()): void {
    instead((request, response) => {
      if (!isPush(request)) return past(request, response);
      response.write = () => true;
      response.end = () => {
        harness.server.instead = null;
        void then().then(() => request.socket.destroy());
        return response;
      };
      past(request, response);
    });
  }
});
