/** Changes of a source that keeps history: the words of the commit, others who push in between, and proposals. */
import { beforeEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../../src/base/error.ts';
import { Operator } from '../../src/controller/operator.ts';
import type { Proposals } from '../../src/controller/parts.ts';
import type { Proposal, Writing } from '../../src/ports/admin.ts';
import type { PullRequestDraft } from '../../src/ports/forge.ts';
import { declared, manifest, Repository, RepositorySource } from './repository.ts';
import { World } from './world.ts';

let repository: Repository;
let world: World;
let source: RepositorySource;
let operator: Operator;

const directly: Writing = { message: null, author: null, propose: false };
const proposed: Writing = { ...directly, propose: true };
const applying = (...manifests: string[]): Proposal => ({ files: { 'given.yaml': manifests.join('---\n') }, deletions: [], prune: false });
const deleting = (...deletions: string[]): Proposal => ({ files: {}, deletions, prune: false });

async function controlled(files: Record<string, string>, proposals: Proposals | null = null): Promise<void> {
  repository = new Repository();
  repository.push(files, 'The first');
  world = new World();
  world.proposals = proposals;
  source = new RepositorySource('platform', repository);
  world.sources = [source];
  await world.start();
  world.host.connect();
  await world.settle();
  operator = new Operator(world.controller, () => {});
}

/** A second controller that follows the same branch. */
async function another(): Promise<{ world: World; source: RepositorySource; operator: Operator }> {
  const second = new World();
  const follows = new RepositorySource('platform', repository);
  second.sources = [follows];
  await second.start();
  second.host.connect();
  await second.settle();
  return { world: second, source: follows, operator: new Operator(second.controller, () => {}) };
}

/** A forge that opens pull requests, or does what a test says. */
function forge(drafts: PullRequestDraft[], more: Partial<Proposals> = {}): Proposals {
  return {
    base: 'main',
    compareUrl: (branch) => `https://forge.example/compare/main...${branch}`,
    propose: (draft) => {
      const before = drafts.findIndex(({ branch }) => branch === draft.branch);
      if (before < 0) drafts.push(draft);
      const number = before < 0 ? drafts.length : before + 1;
      return Promise.resolve({ number, url: `https://forge.example/pull/${number}`, created: before < 0 });
    },
    planText: ({ token, changes }) => `plan ${token} of ${changes.length}`,
    reverts: false,
    ...more,
  };
}

describe('a commit', () => {
  beforeEach(() => controlled({ 'files.yaml': manifest('files', 'v1'), 'clock.yaml': manifest('clock', 'v1') }));

  it('says what changes, who asked, and by which plan', async () => {
    const wanted = applying(manifest('files', 'v2'), manifest('weather', 'v1'));
    const { token } = await operator.plan(wanted);
    const applied = await operator.apply(wanted, token, directly, 7);
    expect(applied).toMatchObject({ snapshot: repository.tip().id, files: ['files.yaml', 'weather.yaml'], proposed: null });
    expect(repository.tip()).toMatchObject({
      subject: 'Add weather; update files',
      body: '',
      author: null,
      trailers: [
        ['Fairlead-Verb', 'apply'],
        ['Fairlead-Plan', token],
        ['Fairlead-Requested-By', 'uid:7'],
      ],
    });
    expect(world.controller.readModel.service('weather')).not.toBeNull();
    const [event] = (await world.store.events({})).filter(({ reason }) => reason === 'ProposalApplied');
    expect(event).toMatchObject({ actor: 'uid:7', snapshot: applied.snapshot });
  });

  it('says what somebody wants to have said, by whom they are', async () => {
    const author = { name: 'Ada', email: 'ada@example.org' };
    await operator.apply(applying(manifest('files', 'v2')), null, { message: 'Newer files\n\nAs asked for.\n', author, propose: false }, 7);
    expect(repository.tip()).toMatchObject({ subject: 'Newer files', body: 'As asked for.', author });
  });

  it.each([
    [() => operator.apply(deleting('clock'), null, directly, 7), 'Delete clock', 'delete'],
    [() => operator.apply(applying(manifest('files', 'v2')), null, directly, 7), 'Update files', 'apply'],
    [() => operator.apply(applying(`# more words\n${manifest('files', 'v1')}`), null, directly, 7), 'Update files.yaml', 'apply'],
    [
      () => operator.apply(applying(...Array.from({ length: 12 }, (_, index) => manifest(`service-${index}`, 'v1'))), null, directly, 7),
      'Add 12 services',
      'apply',
    ],
  ])('has a verb and a subject of its own (%#)', async (change, subject, verb) => {
    await change();
    expect(repository.tip()).toMatchObject({ subject, trailers: expect.arrayContaining([['Fairlead-Verb', verb]]) });
  });

  it('is not made when nothing changes', async () => {
    const applied = await operator.apply(applying(manifest('files', 'v1')), null, directly, 7);
    expect(applied).toEqual({ snapshot: repository.tip().id, changes: [], files: [], proposed: null });
    expect(source.pushes).toBe(0);
  });

  it('of an undo names the commit that it takes back', async () => {
    const bad = repository.push({ 'files.yaml': manifest('files', 'v2') }, 'Newer files');
    await source.refresh();
    await world.settle();
    repository.push({ 'clock.yaml': manifest('clock', 'v2') }, 'Something else');
    await source.refresh();
    await world.settle();
    const stable = declared('files', 'v1').revision.name;
    await operator.undo('files', null, directly, 7);
    expect(repository.tip()).toMatchObject({
      subject: `Undo files to ${stable}`,
      body: `This takes back commit ${bad} (Newer files).`,
      trailers: [
        ['Fairlead-Verb', 'undo'],
        ['Fairlead-Requested-By', 'uid:7'],
      ],
      files: { 'files.yaml': manifest('files', 'v1'), 'clock.yaml': manifest('clock', 'v2') },
    });
  });

  it('goes under the folder that the source looks into', async () => {
    Object.assign(world.controller.source('platform').parts, { folder: 'deploy/mcp' });
    expect(await operator.apply(applying(manifest('weather', 'v1')), null, directly, 7)).toMatchObject({
      files: ['deploy/mcp/weather.yaml'],
    });
  });
});

describe('somebody else who pushes in between', () => {
  beforeEach(() => controlled({ 'files.yaml': manifest('files', 'v1') }));

  it('keeps their change, and the change is worked out anew', async () => {
    let others = 0;
    source.beforePush = () => {
      if (others < 4) repository.push({ 'clock.yaml': manifest('clock', `v${(others += 1)}`) }, `Theirs ${others}`);
    };
    await operator.apply(applying(manifest('files', 'v2')), null, directly, 7);
    expect(repository.log()).toEqual(['Update files', 'Theirs 4', 'Theirs 3', 'Theirs 2', 'Theirs 1', 'The first']);
    expect(repository.tip().files).toEqual({ 'files.yaml': manifest('files', 'v2'), 'clock.yaml': manifest('clock', 'v4') });
  });

  it('of two controllers both changes are in the end in one history', async () => {
    const { operator: other } = await another();
    await Promise.all([
      operator.apply(applying(manifest('files', 'v2')), null, directly, 7),
      other.apply(applying(manifest('weather', 'v1')), null, directly, 8),
    ]);
    expect(repository.log().toSorted()).toEqual(['Add weather', 'The first', 'Update files']);
    expect(repository.tip().files).toEqual({ 'files.yaml': manifest('files', 'v2'), 'weather.yaml': manifest('weather', 'v1') });
  });

  it('makes a plan stale: nothing is written that was not planned', async () => {
    const wanted = applying(manifest('files', 'v2'));
    const { token } = await operator.plan(wanted);
    source.beforePush = () => void repository.push({ 'clock.yaml': manifest('clock', 'v1') }, 'Theirs');
    await expect(operator.apply(wanted, token, directly, 7)).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('stale'),
    });
    expect(repository.log()).toEqual(['Theirs', 'The first']);
  });

  it('is told after five times, with nothing written and the deletion not approved', async () => {
    let theirs = 0;
    source.beforePush = () => void repository.push({ 'clock.yaml': manifest('clock', `v${(theirs += 1)}`) }, 'Theirs');
    await expect(operator.apply(deleting('files'), null, directly, 7)).rejects.toMatchObject({ code: 'SourceMoved' });
    expect(theirs).toBe(5);
    expect(repository.log()).not.toContain('Delete files');
    expect(await world.store.setting('approvedDeletions')).toBeNull();
  });

  it('what they pushed is in the way when it is not taken, and why is said', async () => {
    source.beforePush = () => {
      repository.push({ 'clock.yaml': manifest('clock', 'v1') }, 'Unsigned');
      source.refresh = () => {
        source.unreadable('Commit c2 is not signed.');
        return Promise.resolve();
      };
    };
    await expect(operator.apply(applying(manifest('files', 'v2')), null, directly, 7)).rejects.toMatchObject({
      code: 'Refused',
      message: 'platform has moved to what is not taken: Commit c2 is not signed. Nothing was written.',
    });
    expect(source.pushes).toBe(1);
  });

  it('a source that refuses is believed at once', async () => {
    source.refuse = new FairleadError('Refused', 'it follows a tag', { data: { next: 'move the tag' } });
    await expect(operator.apply(applying(manifest('files', 'v2')), null, directly, 7)).rejects.toMatchObject({
      code: 'Refused',
      data: { next: 'move the tag' },
    });
    expect(source.pushes).toBe(0);
  });
});

describe('what is declared now', () => {
  beforeEach(() => controlled({ 'files.yaml': manifest('files', 'v1'), 'clock.yaml': manifest('clock', 'v1') }));

  it('is what was applied, until somebody changes the same service', async () => {
    const { snapshot, changes } = await operator.apply(applying(manifest('files', 'v2')), null, directly, 7);
    const { specHash, revision } = declared('files', 'v2');
    const applied = { kind: 'declared', source: 'platform', file: 'files.yaml', snapshot, specHash, revision: revision.name };
    expect(changes).toEqual([{ service: 'files', action: 'update', specHash }]);
    expect(await operator.declared('files')).toMatchObject({ ...applied, commit: { id: snapshot, subject: 'Update files' } });
    repository.push({ 'clock.yaml': manifest('clock', 'v2') }, 'Another clock');
    await source.refresh();
    await world.settle();
    expect(await operator.declared('files')).toMatchObject(applied);
    const theirs = repository.push({ 'files.yaml': manifest('files', 'v3') }, 'Theirs');
    await source.refresh();
    await world.settle();
    expect(await operator.declared('files')).toMatchObject({ snapshot: theirs, commit: { subject: 'Theirs', author: 'Ada' } });
    await operator.apply(deleting('files'), null, directly, 7);
    expect(await operator.declared('files')).toEqual({ kind: 'absent' });
  });

  it('is not known while its source cannot be read, or compiled: that may be what was written last', async () => {
    source.failCompilations = 1;
    await operator.apply(applying(manifest('files', 'v2'), manifest('weather', 'v1')), null, directly, 7);
    for (const name of ['files', 'weather']) expect(await operator.declared(name)).toEqual({ kind: 'unknown' });
    await world.clock.advance(1_000);
    expect(await operator.declared('weather')).toMatchObject({ kind: 'declared', snapshot: repository.tip().id });
    source.unreadable('No answer.');
    expect(await operator.declared('weather')).toEqual({ kind: 'unknown' });
  });
});

describe('what is no longer declared as it was when somebody asked', () => {
  const [one, two] = ['v1', 'v2'].map((version) => declared('files', version).revision.name) as [string, string];

  beforeEach(async () => {
    await controlled({ 'files.yaml': manifest('files', 'v1'), 'clock.yaml': manifest('clock', 'v1') });
    await pushed({ 'files.yaml': manifest('files', 'v2') }, 'Newer files');
    expect(world.controller.loop.records.get('files')!.stable!.name).toBe(two);
  });

  async function pushed(files: Record<string, string | null>, subject: string): Promise<void> {
    repository.push(files, subject);
    await source.refresh();
    await world.settle();
  }

  const nothing = (files: string[]) => ({ snapshot: repository.tip().id, changes: files, files: [], proposed: null });
  const unchanged = (service: string) => ({ service, action: 'unchanged', specHash: null });

  it('is undone once by two who undo at the same moment', async () => {
    const applied = await Promise.all([operator.undo('files', null, directly, 7), operator.undo('files', null, directly, 8)]);
    expect(applied.map(({ changes }) => changes)).toMatchObject([[{ service: 'files', action: 'update' }], [unchanged('files')]]);
    expect(repository.log()).toEqual([`Undo files to ${one}`, 'Newer files', 'The first']);
  });

  it('is undone once by two controllers whose pushes race', async () => {
    // What the second one knows of: it has promoted both.
    repository.branches.set('main', [...repository.commits.keys()][0]!);
    const second = await another();
    repository.branches.set('main', [...repository.commits.keys()][1]!);
    await second.source.refresh();
    await second.world.settle();
    let raced = false;
    second.source.beforePush = () => {
      if (raced) return;
      raced = true;
      repository.push({ 'files.yaml': manifest('files', 'v1') }, 'Theirs');
    };
    const applied = await second.operator.undo('files', null, directly, 8);
    expect([raced, applied]).toEqual([true, { ...nothing([]), changes: [unchanged('files')] }]);
    expect(repository.log()).toEqual(['Theirs', 'Newer files', 'The first']);
  });

  it('is not undone: who changed it meanwhile is told', async () => {
    source.beforePush = () => void repository.push({ 'files.yaml': manifest('files', 'v3') }, 'Mended files');
    await expect(operator.undo('files', null, directly, 7)).rejects.toMatchObject({
      code: 'Refused',
      message: `files was changed since its undo to ${one} was asked for: commit cccccccccccc (“Mended files”, Ada) declares ${declared('files', 'v3').revision.name}. Nothing was written.`,
    });
    expect(repository.log()).toEqual(['Mended files', 'Newer files', 'The first']);
  });

  it('is undone all the same when others changed something else', async () => {
    let raced = false;
    source.beforePush = () => {
      if (!raced) repository.push({ 'clock.yaml': manifest('clock', 'v2') }, 'Another clock');
      raced = true;
    };
    await operator.undo('files', null, directly, 7);
    expect(repository.log()).toEqual([`Undo files to ${one}`, 'Another clock', 'Newer files', 'The first']);
  });

  it('is not undone when it was deleted meanwhile', async () => {
    source.beforePush = () => void repository.push({ 'files.yaml': null }, 'Without files');
    await expect(operator.undo('files', null, directly, 7)).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('platform no longer declares it'),
    });
  });

  it('is deleted once by two who delete it at the same moment', async () => {
    const applied = await Promise.all([
      operator.apply(deleting('files'), null, directly, 7),
      operator.apply(deleting('files'), null, directly, 8),
    ]);
    expect(applied.map(({ changes }) => changes)).toMatchObject([[{ service: 'files', action: 'delete' }], [unchanged('files')]]);
    expect(repository.log()).toEqual(['Delete files', 'Newer files', 'The first']);
  });

  it('is not deleted: whoever changed it may want to keep it', async () => {
    source.beforePush = () => void repository.push({ 'files.yaml': manifest('files', 'v3') }, 'Mended files');
    await expect(operator.apply(deleting('files'), null, directly, 7)).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('(“Mended files”, Ada) declares files-'),
    });
    expect(repository.log()).toEqual(['Mended files', 'Newer files', 'The first']);
    expect(await world.store.setting('approvedDeletions')).toBeNull();
  });
});

describe('a proposal', () => {
  const drafts: PullRequestDraft[] = [];
  beforeEach(() => {
    drafts.length = 0;
    return controlled({ 'files.yaml': manifest('files', 'v1') }, forge(drafts));
  });

  it('is a branch and a pull request with the plan in it, and changes nothing that is followed', async () => {
    const wanted = applying(manifest('files', 'v2'));
    const { token } = await operator.plan(wanted);
    const branch = `fairlead/apply-files-${token.slice(0, 8)}`;
    const applied = await operator.apply(wanted, token, { ...proposed, message: 'Newer files\n\nAs asked for.' }, 7);
    expect(applied).toEqual({
      snapshot: repository.tip(branch).id,
      changes: [{ service: 'files', action: 'update', specHash: declared('files', 'v2').specHash }],
      files: ['files.yaml'],
      proposed: {
        branch,
        base: 'main',
        compareUrl: `https://forge.example/compare/main...${branch}`,
        pullRequest: { number: 1, url: 'https://forge.example/pull/1', created: true },
        problem: null,
      },
    });
    expect(drafts).toEqual([{ branch, base: 'main', title: 'Newer files', body: `As asked for.\n\nplan ${token} of 1` }]);
    expect(repository.tip(branch)).toMatchObject({ parent: repository.tip().id, files: { 'files.yaml': manifest('files', 'v2') } });
    expect(repository.log()).toEqual(['The first']);
    const [event] = (await world.store.events({})).filter(({ reason }) => reason === 'ProposalApplied');
    expect(event!.message).toContain('https://forge.example/pull/1');
  });

  it('made twice finds the same branch and the same pull request', async () => {
    const first = await operator.apply(applying(manifest('files', 'v2')), null, proposed, 7);
    const again = await operator.apply(applying(manifest('files', 'v2')), null, proposed, 7);
    expect(again).toEqual({ ...first, proposed: { ...first.proposed, pullRequest: { ...first.proposed!.pullRequest, created: false } } });
    expect([...repository.branches.keys()]).toEqual(['main', first.proposed!.branch]);
  });

  it('of an undo goes to the branch that somebody named', async () => {
    repository.push({ 'files.yaml': manifest('files', 'v2') }, 'Newer files');
    await source.refresh();
    await world.settle();
    await operator.undo('files', null, { ...directly, propose: 'back-to-one' }, 7);
    expect(repository.tip('back-to-one').files).toEqual({ 'files.yaml': manifest('files', 'v1') });
    expect(drafts[0]!.body).toMatch(/^This takes back commit c+2 \(Newer files\)\.\n\nplan /);
  });

  it('never goes to what is followed', async () => {
    await expect(operator.apply(applying(manifest('files', 'v2')), null, { ...directly, propose: 'main' }, 7)).rejects.toMatchObject({
      code: 'Refused',
    });
    expect(repository.log()).toEqual(['The first']);
  });

  it('of no service has the verb alone in the name of its branch', async () => {
    const { proposed: where } = await operator.apply(applying(`# more words\n${manifest('files', 'v1')}`), null, proposed, 7);
    expect(where!.branch).toMatch(/^fairlead\/apply-[0-9a-f]{8}$/);
  });

  it('of many services counts them in the name of its branch', async () => {
    const many = Array.from({ length: 4 }, (_, index) => manifest(`s${index}`, 'v1'));
    const { proposed: where } = await operator.apply(applying(...many), null, proposed, 7);
    expect(where!.branch).toMatch(/^fairlead\/apply-4-services-[0-9a-f]{8}$/);
  });

  it('can be made while the source is suspended: whoever merges it is heard when it is resumed', async () => {
    await operator.suspendSource('platform', true, 7);
    await expect(operator.apply(applying(manifest('files', 'v2')), null, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    expect(await operator.apply(applying(manifest('files', 'v2')), null, proposed, 7)).toMatchObject({ proposed: { problem: null } });
  });
});

describe('where a forge or a source does not go along', () => {
  it('the branch and the page are told although the forge refuses the pull request', async () => {
    const refusing = forge([], { propose: () => Promise.reject(new FairleadError('ForgeUnauthorized', 'The token is not accepted.')) });
    await controlled({ 'files.yaml': manifest('files', 'v1') }, refusing);
    const { proposed: where } = await operator.apply(applying(manifest('files', 'v2')), null, proposed, 7);
    expect(where).toMatchObject({
      compareUrl: expect.stringContaining('/compare/'),
      pullRequest: null,
      problem: 'The token is not accepted.',
    });
    expect(repository.branches.has(where!.branch)).toBe(true);
  });

  it('a server that hangs keeps nobody from writing to another source', async () => {
    await controlled({ 'files.yaml': manifest('files', 'v1') });
    await world.kill();
    const [hanging, other] = [new RepositorySource('platform', repository), new RepositorySource('other', new Repository())];
    other.repository.push({ 'clock.yaml': manifest('clock', 'v1') });
    world.sources = [hanging, other];
    await world.start();
    world.host.connect();
    await world.settle();
    const both = new Operator(world.controller, () => {});
    const never = Promise.withResolvers<never>();
    hanging.write = async () => never.promise;
    const waits = both.apply(applying(manifest('files', 'v2')), null, directly, 7);
    await both.apply(applying(manifest('clock', 'v2')), null, directly, 7);
    expect(other.repository.log()).toEqual(['Update clock', 'Change']);
    never.reject(new FairleadError('SourceUnreachable', 'No answer.'));
    await expect(waits).rejects.toMatchObject({ code: 'SourceUnreachable' });
  });

  it('a forge that takes its time keeps nobody else waiting', async () => {
    const answer = Promise.withResolvers<never>();
    await controlled({ 'files.yaml': manifest('files', 'v1') }, forge([], { propose: () => answer.promise }));
    const proposal = operator.apply(applying(manifest('files', 'v2')), null, proposed, 7);
    await operator.apply(applying(manifest('weather', 'v1')), null, directly, 7);
    expect(repository.log()).toEqual(['Add weather', 'The first']);
    answer.reject(new FairleadError('ForgeUnreachable', 'No answer.'));
    expect(await proposal).toMatchObject({ proposed: { problem: 'No answer.' } });
  });

  it('without a token for it a person opens the pull request', async () => {
    await controlled({ 'files.yaml': manifest('files', 'v1') }, forge([], { propose: null, compareUrl: () => null }));
    expect(await operator.apply(applying(manifest('files', 'v2')), null, proposed, 7)).toMatchObject({
      proposed: { compareUrl: null, pullRequest: null, problem: null },
    });
  });

  it('nothing can be proposed to a source that follows no branch', async () => {
    await controlled({ 'files.yaml': manifest('files', 'v1') });
    await expect(operator.apply(applying(manifest('files', 'v2')), null, proposed, 7)).rejects.toMatchObject({
      code: 'Refused',
      message: expect.stringContaining('follows no branch'),
    });
    expect(source.pushes).toBe(0);
  });
});
