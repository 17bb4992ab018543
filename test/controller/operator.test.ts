/** What an operator may ask for, over a real folder and the real compiler: plans, writes, undo, commands, and their audit. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceRecord } from '../../src/model/record.ts';
import type { Proposal } from '../../src/ports/admin.ts';
import { directly, FolderWorld, manifest } from './folder-world.ts';

let world: FolderWorld;
let folder: string;
let controller: FolderWorld['controller'];
let operator: FolderWorld['operator'];

afterEach(async () => world.close());

/** One source over one folder; each file is of a Service of its name. */
async function start(files: Record<string, string>): Promise<void> {
  world = new FolderWorld('folder');
  [folder] = world.folders as [string];
  await world.start(files);
  ({ controller, operator } = world);
  world.host.connect();
  for (const path of Object.keys(files)) await until(path.replace('.yaml', ''), ({ state }) => state === 'Active');
}

const until = async (service: string, wanted: (record: ServiceRecord) => boolean) => world.until(service, wanted);
const untilGone = async (service: string) => world.untilGone(service);

const proposal = (files: Record<string, string>, more: Partial<Proposal> = {}): Proposal => ({
  files,
  deletions: [],
  prune: false,
  ...more,
});
const events = async () => controller.parts.store.events({});

describe('plan', () => {
  it('says what the heart would do, step by step, and changes nothing', async () => {
    await start({ 'a.yaml': manifest('a', '1'), 'b.yaml': manifest('b', '1', '  dependsOn: [{service: a}]\n') });
    const before = (await events()).length;
    const report = await operator.plan(proposal({ 'x.yaml': manifest('a', '2') }));
    expect(report.changes).toHaveLength(1);
    const [change] = report.changes;
    const [from, to] = [change!.revision.stable!, change!.revision.target!];
    expect(change).toMatchObject({ service: 'a', action: 'update', strategy: 'in-place', dependants: ['b'], revision: { rollout: true } });
    expect(from).not.toBe(to);
    expect(change!.steps).toEqual([
      `start 1 instance of ${to} beside ${from} and make its start checks`,
      'compare contracts (breaking: block, descriptions: warn)',
      `all calls to ${to}`,
      `stop ${from} once its sessions have ended, after 30s at the latest`,
    ]);
    expect(change!.before).toContain('server-1.js');
    expect(change!.after).toContain('server-2.js');
    expect(await events()).toHaveLength(before);
    expect(readFileSync(join(folder, 'a.yaml'), 'utf8')).toContain('server-1.js');
  });

  it('tells creations, deletions and what stays apart', async () => {
    await start({ 'a.yaml': manifest('a', '1'), 'b.yaml': manifest('b', '1') });
    const { changes } = await operator.plan(proposal({ 'a.yaml': manifest('a', '1'), 'c.yaml': manifest('c', '1') }, { deletions: ['b'] }));
    expect(changes.map(({ service, action }) => [service, action])).toEqual([
      ['a', 'unchanged'],
      ['b', 'delete'],
      ['c', 'create'],
    ]);
    expect(changes[0]!.steps).toEqual([]);
    expect(changes[1]!.steps.at(-1)).toBe('archive-service');
    expect(changes[2]!.steps[0]).toMatch(/^start 1 instance of c-/);
  });

  it('shows a change that needs no rollout as one', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    const { changes } = await operator.plan(proposal({ 'a.yaml': manifest('a', '1', '  tags: [new]\n') }));
    expect(changes).toMatchObject([{ action: 'update', steps: [], revision: { rollout: false } }]);
  });

  it('names deletions that the prune guard would hold', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    await start(Object.fromEntries(names.map((name) => [`${name}.yaml`, manifest(name, '1')])));
    const pruning = proposal({ 'a.yaml': manifest('a', '1') }, { prune: true });
    expect(await operator.plan(pruning)).toMatchObject({ pruneHeld: ['b', 'c', 'd', 'e'] });
    await expect(operator.apply(pruning, null, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    expect(existsSync(join(folder, 'b.yaml'))).toBe(true);
  });
});

describe('apply', () => {
  it('writes to the source, which brings the change about, and says who asked', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    const applied = await operator.apply(proposal({ 'x.yaml': manifest('a', '2') }), null, directly, 7);
    expect(applied).toMatchObject({ files: ['a.yaml'], changes: [{ service: 'a', action: 'update' }] });
    const record = await until('a', ({ verdicts }) => verdicts.length === 2);
    expect(record).toMatchObject({ state: 'Active', observedSnapshot: applied.snapshot });
    expect((await events()).find(({ reason }) => reason === 'ProposalApplied')).toMatchObject({
      actor: 'uid:7',
      snapshot: applied.snapshot,
    });
  });

  it('refuses what does not compile, with every issue, and writes nothing', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    const broken = proposal({ 'a.yaml': manifest('a', '2', '  replcas: 2\n') });
    await expect(operator.apply(broken, null, directly, 7)).rejects.toMatchObject({
      code: 'Refused',
      data: { issues: [expect.objectContaining({ file: 'a.yaml', severity: 'error' })] },
    });
    expect(readFileSync(join(folder, 'a.yaml'), 'utf8')).toBe(manifest('a', '1'));
  });

  it('refuses a plan whose source or proposal has moved', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    const wanted = proposal({ 'a.yaml': manifest('a', '2') });
    const { token } = await operator.plan(wanted);
    await expect(operator.apply(proposal({ 'a.yaml': manifest('a', '3') }), token, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    await operator.apply(proposal({ 'b.yaml': manifest('b', '1') }), null, directly, 7);
    await until('b', ({ state }) => state === 'Active');
    await expect(operator.apply(wanted, token, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    const fresh = await operator.plan(wanted);
    await expect(operator.apply(wanted, fresh.token, directly, 7)).resolves.toMatchObject({ files: ['a.yaml'] });
  });

  it('deletes by name, even the last one', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    await operator.apply(proposal({}, { deletions: ['a'] }), null, directly, 7);
    await untilGone('a');
    expect(existsSync(join(folder, 'a.yaml'))).toBe(false);
    await expect(operator.apply(proposal({}, { deletions: ['a'] }), null, directly, 7)).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('of one change right after another keeps both', async () => {
    await start({ 'a.yaml': `${manifest('a', '1')}---\n${manifest('b', '1')}` });
    await Promise.all([
      operator.apply(proposal({ 'x.yaml': manifest('a', '2') }), null, directly, 7),
      operator.apply(proposal({ 'x.yaml': manifest('b', '2') }), null, directly, 7),
    ]);
    const text = readFileSync(join(folder, 'a.yaml'), 'utf8');
    expect(text.match(/server-\d/g)).toEqual(['server-2', 'server-2']);
  });

  it('is refused while the source is suspended', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    await operator.suspendSource('folder', true, 7);
    await expect(operator.apply(proposal({ 'a.yaml': manifest('a', '2') }), null, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    expect(readFileSync(join(folder, 'a.yaml'), 'utf8')).toContain('server-1.js');
  });

  it('proposes nothing to a folder', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    await expect(operator.apply(proposal({ 'a.yaml': manifest('a', '2') }), null, { ...directly, propose: true }, 7)).rejects.toMatchObject(
      {
        code: 'Refused',
        data: { next: 'leave --propose out' },
      },
    );
    expect(readFileSync(join(folder, 'a.yaml'), 'utf8')).toContain('server-1.js');
  });

  it('of what is there already writes nothing', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    expect(await operator.apply(proposal({ 'a.yaml': manifest('a', '1') }), null, directly, 7)).toMatchObject({ files: [] });
  });
});

describe('undo', () => {
  it('writes the manifest of the Revision before as it was written', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    const first = controller.loop.records.get('a')!.stable!;
    await operator.apply(proposal({ 'a.yaml': manifest('a', '2') }), null, directly, 7);
    await until('a', ({ verdicts }) => verdicts.length === 2);
    await operator.undo('a', null, directly, 7);
    const record = await until('a', ({ verdicts }) => verdicts.length === 3);
    expect(record.stable!.hash).toBe(first.hash);
    expect(readFileSync(join(folder, 'a.yaml'), 'utf8')).toBe(manifest('a', '1'));
    expect((await events()).find(({ reason }) => reason === 'UndoRequested')).toMatchObject({ service: 'a', actor: 'uid:7' });
  });

  it('brings the exact Revision back though its template is another by now', async () => {
    const template = (version: string) =>
      `apiVersion: fairlead.dev/v1alpha1\nkind: ServiceTemplate\nmetadata: {name: base}\nspec:\n  run: {command: [node, server-${version}.js]}\n`;
    const child = `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: {name: a}\nspec: {extends: [base]}\n`;
    await start({ 'a.yaml': child + `---\n${template('1')}` });
    const first = controller.loop.records.get('a')!.stable!;
    writeFileSync(join(folder, 'a.yaml'), child + `---\n${template('2')}`);
    await until('a', ({ verdicts }) => verdicts.length === 2);
    await operator.undo('a', first.name, directly, 7);
    const record = await until('a', ({ verdicts }) => verdicts.length === 3);
    expect(record.stable!.hash).toBe(first.hash);
    expect(readFileSync(join(folder, 'a.yaml'), 'utf8')).toContain('server-2.js');
  });

  it('has nowhere to go back to without an earlier Revision, or to one that never was', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    await expect(operator.undo('a', null, directly, 7)).rejects.toMatchObject({ code: 'NotFound' });
    await expect(operator.undo('a', 'a-00000000', directly, 7)).rejects.toMatchObject({ code: 'NotFound' });
    await expect(operator.undo('nobody', null, directly, 7)).rejects.toMatchObject({ code: 'NotFound' });
  });
});

describe('commands', () => {
  it('are taken once, with who asked', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    await operator.command('a', 'suspend', 7);
    expect(controller.loop.records.get('a')).toMatchObject({ suspended: true });
    expect((await events()).filter(({ reason }) => reason === 'ServiceSuspended')).toMatchObject([{ actor: 'uid:7' }]);
    await expect(operator.command('a', 'suspend', 7)).rejects.toMatchObject({ code: 'Refused' });
    await operator.command('a', 'resume', 7);
    expect(controller.loop.records.get('a')).toMatchObject({ suspended: false });
  });

  it('that make no sense are refused', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    await expect(operator.command('a', 'abort', 7)).rejects.toMatchObject({
      code: 'Refused',
      data: { next: 'fairlead describe service a' },
    });
    await expect(operator.command('a', 'retry', 7)).rejects.toMatchObject({ code: 'Refused' });
    await expect(operator.command('b', 'retry', 7)).rejects.toMatchObject({ code: 'NotFound' });
    await expect(operator.suspendSource('git', true, 7)).rejects.toMatchObject({ code: 'NotFound' });
    await expect(operator.reconcile('git', 7)).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('for all of it: reconcile, suspend, stop', async () => {
    await start({ 'a.yaml': manifest('a', '1') });
    await operator.reconcile(null, 7);
    await operator.suspendSource('folder', true, 7);
    expect(controller.readModel.sources()).toMatchObject([{ suspended: true }]);
    await operator.suspendSource('folder', false, 7);
    await operator.stop(7);
    expect(world.stops).toBe(1);
    const audited = (await events()).filter(({ actor }) => actor === 'uid:7').map(({ reason }) => reason);
    expect(audited).toEqual(['ReconcileRequested', 'SourceSuspended', 'SourceResumed', 'StopRequested']);
  });
});

describe('with two sources', () => {
  let other: string;

  beforeEach(async () => {
    world = new FolderWorld('north', 'south');
    [folder, other] = world.folders as [string, string];
    await world.start({ 'here.yaml': manifest('here', '1') }, { 'there.yaml': manifest('there', '1') });
    ({ controller, operator } = world);
    world.host.connect();
    for (const name of ['here', 'there']) await until(name, ({ state }) => state === 'Active');
  });

  const proposal = (name: string, version: string, more: Partial<Proposal> = {}): Proposal => ({
    files: { 'a.yaml': manifest(name, version) },
    deletions: [],
    prune: false,
    ...more,
  });
  const template = (version: string) =>
    `apiVersion: fairlead.dev/v1alpha1\nkind: ServiceTemplate\nmetadata: {name: base}\nspec: {run: {command: [node, server-${version}.js]}}\n`;
  const extending = (name: string) =>
    `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: {name: ${name}}\nspec: {extends: [base]}\n`;

  it('a change goes to the source that has the service, and something new to the one that is named', async () => {
    await operator.apply(proposal('there', '2'), null, directly, 7);
    expect(readFileSync(join(other, 'there.yaml'), 'utf8')).toContain(manifest('there', '2').split('\n').at(-2));
    await operator.apply(proposal('fresh', '1', { source: 'south' }), null, directly, 7);
    expect(existsSync(join(other, 'fresh.yaml'))).toBe(true);
    const record = await until('fresh', ({ state }) => state === 'Active');
    expect(record.desired!.origin.source).toBe('south');
    expect(existsSync(join(folder, 'fresh.yaml'))).toBe(false);
  });

  it('prunes the one source alone', async () => {
    const report = await operator.plan(proposal('fresh', '1', { source: 'south', prune: true }));
    expect(report.changes.map(({ service, action }) => `${action} ${service}`)).toEqual(['create fresh', 'delete there']);
  });

  it('undoes in the source that the service runs from', async () => {
    await operator.apply(proposal('there', '2'), null, directly, 7);
    await until('there', ({ promoted, rollout }) => promoted.length === 2 && rollout === null);
    const applied = await operator.undo('there', null, directly, 7);
    expect(applied.files).toEqual(['there.yaml']);
    expect(readFileSync(join(other, 'there.yaml'), 'utf8')).toBe(manifest('there', '1'));
  });

  it('a name that belongs to another source is refused before anything is written, in the plan and when it is applied', async () => {
    const both = proposal('here', '2', { source: 'south', files: { 'a.yaml': `${manifest('fresh', '1')}---\n${manifest('here', '2')}` } });
    const report = await operator.plan(both);
    expect(report.issues).toMatchObject([{ code: 'DuplicateService', severity: 'error', subject: 'here' }]);
    expect(report.changes.map(({ service, action }) => `${action} ${service}`)).toEqual(['create fresh', 'unchanged here']);
    for (const token of [null, report.token])
      await expect(operator.apply(both, token, directly, 7)).rejects.toMatchObject({
        code: 'Refused',
        message: 'here belongs to source north: nothing would come of it in south. Nothing was written.',
        data: { next: expect.stringContaining('leave --source out') },
      });
    expect(readdirSync(other)).toEqual(['there.yaml']);
    expect((await events()).filter(({ reason }) => reason === 'ProposalApplied')).toEqual([]);
  });

  it('a name that belongs to a source which cannot be read yet is refused, too', async () => {
    await controller.suspendSource('north', true);
    await world.restart();
    ({ controller, operator } = world);
    world.host.connect();
    await until('there', ({ state }) => state === 'Active');
    await controller.compiled();
    await expect(operator.apply(proposal('here', '2', { source: 'south' }), null, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    expect(readdirSync(other)).toEqual(['there.yaml']);
  });

  it('a change of a template reaches what belongs there alone, and says so', async () => {
    writeFileSync(join(other, 'base.yaml'), template('1'));
    for (const name of ['here', 'there']) writeFileSync(join(other, `${name}.yaml`), extending(name));
    await operator.reconcile('south', 7);
    const wanted = proposal('', '', { source: 'south', files: { 'base.yaml': template('2') } });
    const report = await operator.plan(wanted);
    expect(report.changes.map(({ service, action }) => `${action} ${service}`)).toEqual(['unchanged here', 'update there']);
    expect(report.issues.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect((await operator.apply(wanted, report.token, directly, 7)).changes).toMatchObject([
      { service: 'here', action: 'unchanged' },
      { service: 'there', action: 'update' },
    ]);
  });

  it('moves when its manifest is in the new source and then deleted from the old one', async () => {
    const before = controller.loop.records.get('here')!;
    writeFileSync(join(other, 'here.yaml'), manifest('here', '1'));
    await operator.reconcile('south', 7);
    expect(controller.loop.records.get('here')!.desired!.origin.source).toBe('north');
    await operator.apply({ files: {}, deletions: ['here'], prune: false }, null, directly, 7);
    const record = await until('here', ({ desired }) => desired!.origin.source === 'south');
    // Its folder is another, so it is another Revision, which moves in as any other does.
    expect(record).toMatchObject({ deleting: false, createdAt: before.createdAt, rolloutCount: 2, stable: { hash: before.stable!.hash } });
  });

  it('explains from the source that has the service', async () => {
    const [field] = await controller.readModel.explain('there', 'spec.run.command');
    expect(field).toMatchObject({ file: 'there.yaml' });
  });
});
