/** Two controllers that write to one branch of a real git server at the same moment, each with its source as `up` makes it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dataDirOf } from '../../src/base/data-dir.ts';
import { Controller } from '../../src/controller/controller.ts';
import { Operator } from '../../src/controller/operator.ts';
import { decide } from '../../src/core/decide.ts';
import { heldDeletions } from '../../src/manifest/prune.ts';
import type { GitSettings } from '../../src/model/source-settings.ts';
import type { Proposal, Writing } from '../../src/ports/admin.ts';
import { systemClock } from '../../src/processes/clock.ts';
import { createSource } from '../../src/processes/sources.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { FakeHost } from '../controller/world.ts';
import { GitRepository } from '../fixtures/git-repository.ts';
import { GitHttpServer } from '../fixtures/git-servers.ts';

const endings: (() => Promise<unknown>)[] = [];
const directly: Writing = { message: null, author: null, propose: false };
let repository: GitRepository;
let url: string;

beforeEach(async () => {
  repository = await GitRepository.make();
  endings.push(async () => repository.end());
  const server = await GitHttpServer.start(dirname(repository.path));
  endings.push(async () => server.end());
  url = server.url(basename(repository.path));
  await repository.commit({ 'files.yaml': manifest('files', 1) }, { subject: 'The first' });
});

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const manifest = (name: string, version: number): string =>
  `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: {name: ${name}}\nspec: {run: {command: [node, server-${version}.js]}}\n`;
const applying = (name: string, version: number): Proposal => ({
  files: { 'given.yaml': manifest(name, version) },
  deletions: [],
  prune: false,
});

/** A controller of its own that has read the repository; its Host starts nothing. */
async function operating(): Promise<Operator> {
  return new Operator(await controlling(), () => {});
}

async function controlling(): Promise<Controller> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-racing-'));
  const settings: GitSettings = {
    ...{ kind: 'git', name: 'platform', url, ref: { branch: 'main' }, paths: ['.'], intervalMs: 3_600_000, timeoutMs: 60_000 },
    ...{ maxBytes: 100_000_000, credentials: null, allowLocal: false, allowRewind: false, verify: null },
    ...{ commitStatus: null, pullRequests: null, writes: { name: 'Fairlead', email: 'fairlead@localhost', signingKeyFile: null } },
    ...{ drift: 'correct', revertProposals: false },
  };
  const source = createSource(settings, dataDirOf(folder), systemClock);
  const host = new FakeHost();
  const controller = await Controller.start({
    ...{ store: createMemoryStore(), sources: [source], link: host, clock: systemClock, decide },
    guardPrune: (facts) => heldDeletions(facts),
    about: () => ({ pids: {} }) as never,
    onProblem: (message, cause) => {
      throw new Error(message, { cause });
    },
    onFenced: () => {},
  });
  endings.push(async () => {
    await controller.close();
    await source.compiler.close();
    rmSync(folder, { recursive: true, force: true });
  });
  host.connect();
  await controller.reconcile(null);
  return controller;
}

/** Resolves once the Revision that is declared of the Service is the stable one. */
async function promoted(controller: Controller, service: string, of: string): Promise<void> {
  for (;;) {
    const record = controller.loop.records.get(service);
    if (record?.observedSnapshot === of && record.rollout === null && record.stable?.hash === record.desired?.revision.hash) return;
    await new Promise<void>((resolve) => {
      const stop = controller.readModel.onChange(() => {
        stop();
        resolve();
      });
    });
  }
}

it('every change of both is in one history in the end, on top of each other', { timeout: 300_000 }, async () => {
  const [one, other] = await Promise.all([operating(), operating()]);
  const turns = [1, 2, 3];
  const applied = await Promise.all([
    ...turns.map((turn) => one.apply(applying(`one-${turn}`, turn), null, directly, 1)),
    ...turns.map((turn) => other.apply(applying(`other-${turn}`, turn), null, directly, 2)),
  ]);
  const subjects = await repository.git('log', '--format=%s', '--first-parent', 'main');
  expect(subjects.split('\n').toSorted()).toEqual([
    ...turns.map((turn) => `Add one-${turn}`),
    ...turns.map((turn) => `Add other-${turn}`),
    'The first',
  ]);
  expect(await repository.git('ls-tree', '-r', '--name-only', 'main')).toBe(
    ['files.yaml', ...turns.map((turn) => `one-${turn}.yaml`), ...turns.map((turn) => `other-${turn}.yaml`)].join('\n'),
  );
  // What each was told is where its own change is.
  for (const { snapshot, files } of applied) expect(await repository.git('show', '--name-only', '--format=', snapshot)).toBe(files.join());
});

it('a plan that was made before somebody else pushed is not carried out', { timeout: 300_000 }, async () => {
  const operator = await operating();
  const { token } = await operator.plan(applying('files', 2));
  const theirs = await repository.commit({ 'clock.yaml': manifest('clock', 1) }, { subject: 'Theirs' });
  await expect(operator.apply(applying('files', 2), token, directly, 1)).rejects.toMatchObject({
    code: 'Refused',
    message: expect.stringContaining('stale'),
  });
  expect(await repository.tip()).toBe(theirs);
});

it('two who undo the same at the same moment undo it once', { timeout: 300_000 }, async () => {
  const controllers = await Promise.all([controlling(), controlling()]);
  const first = await repository.tip();
  for (const controller of controllers) await promoted(controller, 'files', first!);
  const second = await repository.commit({ 'files.yaml': manifest('files', 2) }, { subject: 'Newer files' });
  for (const controller of controllers) {
    await controller.reconcile(null);
    await promoted(controller, 'files', second);
  }
  const applied = await Promise.all(
    controllers.map(async (controller) => new Operator(controller, () => {}).undo('files', null, directly, 1)),
  );
  expect(applied.map(({ changes }) => changes[0]!.action).toSorted()).toEqual(['unchanged', 'update']);
  expect(await repository.git('log', '--format=%s', 'main')).toMatch(/^Undo files to files-[0-9a-f]{8}\nNewer files\nThe first$/);
  expect(await repository.git('show', 'main:files.yaml')).toBe(manifest('files', 1).trim());
});
