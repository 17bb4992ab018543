/** Which hooks a controller opens, and how it comes by their secrets. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Controller } from '../../src/controller/controller.ts';
import type { HookServer } from '../../src/hooks/server.ts';
import type { GitSettings, SecretReference, SourceSettings } from '../../src/model/source-settings.ts';
import { openHooks } from '../../src/processes/hooks.ts';

let folder: string;
let server: HookServer;
let url: string;
let polled: string[];
let logged: string;

const git = (name: string): GitSettings => ({
  ...{ kind: 'git', name, url: `https://h/${name}`, ref: { branch: 'main' }, paths: ['.'], intervalMs: 1, timeoutMs: 1, maxBytes: 1 },
  ...{
    credentials: null,
    allowLocal: false,
    allowRewind: false,
    verify: null,
    commitStatus: null,
    pullRequests: null,
    writes: { name: 'Fairlead', email: 'fairlead@localhost', signingKeyFile: null },
    drift: 'correct',
    revertProposals: false,
  },
});

async function open(secret: SecretReference): Promise<void> {
  const sources: SourceSettings[] = [git('platform'), git('unhooked'), { kind: 'folder', name: 'here', path: folder }];
  const hooks = Object.fromEntries(['platform', 'here', 'gone'].map((name) => [name, { forge: 'github' as const, secret }]));
  const controller = { source: (name: string) => ({ poll: async () => void polled.push(name) }) } as unknown as Controller;
  const log = pino({}, { write: (line) => void (logged += line) });
  server = openHooks({ host: '127.0.0.1', port: 0, hooks }, sources, controller, log);
  ({ url } = await server.listen());
}

async function deliver(source: string, secret: string): Promise<number> {
  const body = JSON.stringify({ ref: 'refs/heads/main' });
  const headers = {
    'x-github-event': 'push',
    'x-github-delivery': crypto.randomUUID(),
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  };
  return (await fetch(`${url}/hooks/${source}`, { method: 'POST', body, headers })).status;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-hooks-'));
  polled = [];
  logged = '';
});
afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('git sources that have one, and no others', async () => {
  vi.stubEnv('HOOK_SECRET', 'one');
  await open({ env: 'HOOK_SECRET' });
  const answers = [];
  for (const source of ['platform', 'unhooked', 'here', 'gone']) answers.push(await deliver(source, 'one'));
  expect(answers).toEqual([202, 404, 404, 404]);
  expect(polled).toEqual(['platform']);
});

test('a secret in a file is read for each delivery, without its last line break, so that it can be another from now on', async () => {
  const file = join(folder, 'secret');
  await open({ file });
  const answers = [await deliver('platform', '')];
  for (const secret of ['one\n', 'two\r\n', ' three ']) {
    writeFileSync(file, secret);
    answers.push(await deliver('platform', secret.replace(/\r?\n/, '')));
  }
  answers.push(await deliver('platform', 'one'));
  expect(answers).toEqual([503, 202, 202, 202, 401]);
  expect(logged).toContain(`There is no secret in ${file}`);
});

test('an environment variable that is empty is no secret', async () => {
  vi.stubEnv('HOOK_SECRET', '');
  await open({ env: 'HOOK_SECRET' });
  expect(await deliver('platform', '')).toBe(503);
});
