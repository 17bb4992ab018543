/** Locking what services offer: over a real folder and the real compiler, and as commits of a source that keeps history. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Operator } from '../../src/controller/operator.ts';
import type { Contract } from '../../src/model/contract.ts';
import type { ServiceRecord } from '../../src/model/record.ts';
import type { LockRequest } from '../../src/ports/admin.ts';
import { directly, FolderWorld, manifest } from './folder-world.ts';
import { manifest as short, Repository, RepositorySource } from './repository.ts';
import { World } from './world.ts';

const of = (services: readonly string[], more: Partial<LockRequest> = {}): LockRequest => ({ services, target: false, ...more });

/** What a server offers that has these tools, each with the parameters that it requires. */
function contract(digit: string, tools: Readonly<Record<string, readonly string[]>>): Contract {
  return {
    hash: digit.repeat(64),
    tools: Object.entries(tools).map(([name, required]) => ({
      name,
      inputSchema: { type: 'object', properties: Object.fromEntries(required.map((key) => [key, { type: 'string' }])), required },
    })),
    prompts: [],
    resources: [],
    resourceTemplates: [],
  };
}
const approved = contract('a', { add: ['a'] });
const drifted = contract('b', { add: ['a', 'b'] });

describe('what services of a folder offer', () => {
  let world: FolderWorld;
  let folder: string;
  let controller: FolderWorld['controller'];
  let operator: Operator;

  const quarantine = '  migration: { contract: { drift: quarantine } }\n';
  const lockText = () => readFileSync(join(folder, 'fairlead.lock'), 'utf8');
  const events = async (reason: string) => (await controller.parts.store.events({})).filter((event) => event.reason === reason);

  beforeEach(() => {
    world = new FolderWorld('folder');
    [folder] = world.folders as [string];
  });
  afterEach(async () => world.close());

  async function start(files: Record<string, string>, offers: (revision: string) => string | null = () => approved.hash): Promise<void> {
    await world.start(files);
    ({ controller, operator } = world);
    world.host.offers = offers;
    for (const known of [approved, drifted]) await controller.parts.store.saveContract(controller.epoch, known);
    world.host.connect();
  }

  const until = async (service: string, wanted: (record: ServiceRecord) => boolean) => world.until(service, wanted);
  const active = async (service: string) => until(service, ({ state }) => state === 'Active');

  it('are locked in a file of their own, and nothing of them is rolled out anew', async () => {
    await start({ 'a.yaml': manifest('a'), 'b.yaml': manifest('b') });
    const { stable } = await active('a');
    await active('b');
    const report = await operator.planLock(of([]));
    expect(report).toMatchObject({ source: 'folder', same: [], skipped: [] });
    expect(report.changes).toEqual(
      ['a', 'b'].map((service) => ({
        service,
        before: null,
        after: approved.hash,
        revision: controller.loop.records.get(service)!.stable!.name,
        comparison: null,
      })),
    );
    expect(existsSync(join(folder, 'fairlead.lock'))).toBe(false);
    const applied = await operator.lock(of([]), report.token, directly, 7);
    expect(applied).toMatchObject({ files: ['fairlead.lock'], changes: [{ service: 'a', action: 'update' }, { service: 'b' }] });
    expect(lockText()).toContain(`  a:\n    contract: ${approved.hash}\n  b:\n`);
    const locked = await until('a', ({ desired }) => desired?.lock !== undefined);
    expect(locked).toMatchObject({ stable, rollout: null, rolloutCount: 1, desired: { lock: { contract: approved.hash } } });
    expect(await operator.planLock(of([]))).toMatchObject({ changes: [], same: ['a', 'b'] });
    expect(await operator.lock(of([]), null, directly, 7)).toMatchObject({ files: [], changes: [] });
    expect(await events('LockWritten')).toEqual([expect.objectContaining({ actor: 'uid:7', service: null })]);
  });

  it('are what is declared of them also after a commit that only moves the lines of a manifest', async () => {
    await start({ 'a.yaml': manifest('a') });
    await active('a');
    const { snapshot, changes } = await operator.lock(of(['a']), null, directly, 7);
    const declared = await operator.declared('a');
    expect(declared).toMatchObject({ kind: 'declared', snapshot, specHash: changes[0]!.specHash });
    writeFileSync(join(folder, 'a.yaml'), `# Moved\n${manifest('a')}`);
    await controller.reconcile(null);
    const moved = await operator.declared('a');
    expect([moved, moved.kind === 'declared' && moved.snapshot === snapshot]).toEqual([
      expect.objectContaining({ kind: 'declared', specHash: changes[0]!.specHash }),
      false,
    ]);
  });

  it('have drifted, are hidden, and are offered again once they are locked', async () => {
    let offered = approved.hash;
    await start({ 'a.yaml': manifest('a', '1', quarantine) }, () => offered);
    await active('a');
    await operator.lock(of(['a']), null, directly, 7);
    offered = drifted.hash;
    world.host.report('a');
    await until('a', ({ quarantine: hidden }) => hidden.includes('add'));
    const { changes } = await operator.planLock(of(['a']));
    expect(changes).toMatchObject([{ before: approved.hash, after: drifted.hash, comparison: { from: approved.hash, class: 'breaking' } }]);
    await operator.lock(of(['a']), null, directly, 7);
    const { stableContract } = await until('a', ({ drift, quarantine: hidden }) => drift === null && hidden.length === 0);
    expect(stableContract).toBe(drifted.hash);
  });

  it('that nobody approved are taken back with their release, and go in once they are locked as the target of it', async () => {
    const revisions: string[] = [];
    await start({ 'a.yaml': manifest('a', '1', '  migration: { contract: { breaking: warn } }\n') }, (revision) => {
      if (!revisions.includes(revision)) revisions.push(revision);
      return revision === revisions[0] ? approved.hash : drifted.hash;
    });
    await active('a');
    await operator.lock(of(['a']), null, directly, 7);
    await expect(operator.planLock(of(['a'], { target: true }))).rejects.toThrow('no release of it is under way');
    writeFileSync(join(folder, 'a.yaml'), manifest('a', '2', '  migration: { contract: { breaking: warn } }\n'));
    await controller.reconcile(null);
    const { rejections } = await until('a', ({ rejections: found }) => found.length > 0);
    expect(rejections).toMatchObject([{ reason: 'ContractNotLocked', contract: drifted.hash }]);
    expect(await operator.planLock(of(['a']))).toMatchObject({ changes: [], same: ['a'] });
    expect(await operator.planLock(of(['a'], { target: true }))).toMatchObject({
      changes: [{ before: approved.hash, after: drifted.hash, comparison: { class: 'breaking' } }],
    });
    await operator.lock(of(['a'], { target: true }), null, directly, 7);
    const after = await until('a', ({ rollout, stableContract }) => rollout === null && stableContract === drifted.hash);
    expect(after).toMatchObject({ rejections: [], verdicts: [{ result: 'Promoted' }, { result: 'RolledBack' }, { result: 'Promoted' }] });
  });

  it('cannot be locked while nobody knows it: named they are refused, of all they are told of', async () => {
    await start({ 'a.yaml': manifest('a'), 'b.yaml': manifest('b', '1', '  state: Inactive\n') });
    await active('a');
    expect(await operator.planLock(of([]))).toMatchObject({
      changes: [{ service: 'a' }],
      skipped: [{ service: 'b', why: 'nothing of it runs, it is Inactive' }],
    });
    await expect(operator.lock(of(['a', 'b']), null, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    await expect(operator.lock(of(['c']), null, directly, 7)).rejects.toMatchObject({ code: 'NotFound' });
    world.host.offers = () => null;
    world.host.report('a');
    await expect.poll(async () => (await operator.planLock(of([]))).skipped).toHaveLength(2);
    expect(existsSync(join(folder, 'fairlead.lock'))).toBe(false);
  });

  it('are left as they are where the file has an error, and where somebody looked at something else', async () => {
    await start({ 'a.yaml': manifest('a') });
    await active('a');
    const { token } = await operator.planLock(of([]));
    world.host.offers = () => drifted.hash;
    world.host.report('a');
    await until('a', ({ drift }) => drift !== null);
    await expect(operator.lock(of([]), token, directly, 7)).rejects.toMatchObject({ code: 'Refused' });
    writeFileSync(join(folder, 'fairlead.lock'), 'apiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices: { a: { contract: soon } }\n');
    await controller.reconcile(null);
    await expect(operator.lock(of([]), null, directly, 7)).rejects.toThrow('fairlead.lock:3:28: ');
    expect(lockText()).toContain('soon');
  });

  it('are unlocked when nobody declares them any more, and the words of people stay', async () => {
    const before = `# Ours.\napiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices:\n  gone: { contract: ${drifted.hash} }\n  # Looked at by Ada.\n  a: { contract: ${drifted.hash} }\n`;
    await start({ 'a.yaml': manifest('a'), 'fairlead.lock': before }, () => drifted.hash);
    await active('a');
    const report = await operator.planLock(of([]));
    expect(report).toMatchObject({ changes: [{ service: 'gone', before: drifted.hash, after: null }], same: ['a'] });
    expect(await operator.planLock(of(['a']))).toMatchObject({ changes: [] });
    await operator.lock(of([]), report.token, directly, 7);
    expect(lockText()).toBe(before.replace(`  gone: { contract: ${drifted.hash} }\n`, ''));
  });

  it('share the text of an entry: then neither is changed', async () => {
    const text = `apiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices:\n  a: &same { contract: ${drifted.hash} }\n  b: *same\n`;
    await start({ 'a.yaml': manifest('a'), 'b.yaml': manifest('b', '1', '  state: Inactive\n'), 'fairlead.lock': text });
    await until('a', ({ rollout }) => rollout?.waitsOn === 'person');
    await expect(operator.lock(of(['a']), null, directly, 7)).rejects.toThrow('shares its text with another');
    expect(lockText()).toBe(text);
  });

  it('wait at the first deployment until they are locked', async () => {
    const text = `apiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices:\n  a: { contract: ${drifted.hash} }\n`;
    await start({ 'a.yaml': manifest('a'), 'fairlead.lock': text });
    const { rollout } = await until('a', ({ rollout: found }) => found?.waitsOn === 'person');
    expect(rollout!.waitsFor).toContain('fairlead lock a');
    await operator.lock(of(['a']), null, directly, 7);
    expect(await active('a')).toMatchObject({ stableContract: approved.hash });
  });
});

describe('a lock of a source that keeps history', () => {
  let repository: Repository;
  let world: World;
  let source: RepositorySource;
  let operator: Operator;

  beforeEach(async () => {
    repository = new Repository();
    repository.push({ 'files.yaml': short('files', 'v1'), 'clock.yaml': short('clock', 'v1') }, 'The first');
    world = new World();
    source = new RepositorySource('platform', repository);
    world.sources = [source];
    await world.start();
    world.host.offers = () => approved.hash;
    for (const known of [approved, drifted]) await world.store.saveContract(world.controller.epoch, known);
    world.host.connect();
    await world.settle();
    operator = new Operator(world.controller, () => {});
  });

  it('is a commit that says what was approved, and who did it', async () => {
    const { token } = await operator.planLock(of([]));
    await operator.lock(of([]), token, directly, 7);
    expect(repository.tip()).toMatchObject({
      subject: 'Lock clock, files',
      body: `- clock: not locked → ${'a'.repeat(12)}\n- files: not locked → ${'a'.repeat(12)}`,
      trailers: [
        ['Fairlead-Verb', 'lock'],
        ['Fairlead-Plan', token],
        ['Fairlead-Requested-By', 'uid:7'],
      ],
    });
    world.host.offers = () => drifted.hash;
    world.host.report('files');
    await world.settle();
    await operator.lock(of(['files']), null, directly, 7);
    expect(repository.tip()).toMatchObject({
      subject: 'Lock files',
      body: `- files: ${'a'.repeat(12)} → ${'b'.repeat(12)}\n  - breaking: \`tool add: parameter b is now required\``,
    });
    expect(repository.tip().files['fairlead.lock']).toContain(`clock:\n    contract: ${approved.hash}`);
  });

  it('is worked out anew when somebody else was quicker, and what they locked stays', async () => {
    const { token } = await operator.planLock(of(['files']));
    source.beforePush = () => {
      source.beforePush = () => {};
      repository.push({
        'fairlead.lock': `apiVersion: fairlead.dev/v1alpha1\nkind: Lock\nservices:\n  clock: { contract: ${drifted.hash} }\n`,
      });
    };
    await operator.lock(of(['files']), token, directly, 7);
    const text = repository.tip().files['fairlead.lock'];
    expect(text).toContain(`clock: { contract: ${drifted.hash} }`);
    expect(text).toContain(`files:\n    contract: ${approved.hash}`);
  });
});
