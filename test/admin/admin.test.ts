/** The admin socket from both ends: every method with its arguments, errors as they were thrown, and who may open it. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectAdmin } from '../../src/admin/client.ts';
import { serveAdmin, type AdminServer } from '../../src/admin/server.ts';
import { FairleadError } from '../../src/base/error.ts';
import { commandKinds } from '../../src/model/command.ts';
import type { Admin } from '../../src/ports/admin.ts';

let folder: string;
let path: string;
let calls: unknown[][];
let server: AdminServer;
let fail: FairleadError | null;
const uid = process.getuid?.() ?? 0;
const proposal = { files: { 'a.yaml': 'kind: Service' }, deletions: ['b'], prune: false };
const locking = { services: ['a'], source: 'folder', target: true };
const writing = { message: 'Why', author: { name: 'Ada', email: 'ada@example.org' }, propose: true };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-admin-'));
  path = join(folder, 'admin.sock');
  calls = [];
  fail = null;
  const answers: Record<string, unknown> = {
    plan: { token: 't', changes: [], issues: [], pruneHeld: [] },
    declared: { kind: 'absent' },
    apply: { snapshot: 's', changes: [], files: [], proposed: null },
    undo: { snapshot: 'u', changes: [], files: [], proposed: null },
    planLock: { token: 'l', source: 'folder', changes: [], same: [], skipped: [] },
    lock: { snapshot: 'l', changes: [], files: [], proposed: null },
  };
  const admin = new Proxy({} as Admin, {
    get:
      (_, name: string) =>
      async (...args: unknown[]) => {
        calls.push([name, ...args]);
        if (fail !== null) throw fail;
        return answers[name];
      },
  });
  server = await serveAdmin(admin, path);
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

it('passes every method on with the uid of the caller', async () => {
  const client = await connectAdmin(path);
  await client.command('a', 'abort');
  await client.reconcile(null);
  await client.suspendSource('folder', true);
  expect(await client.plan(proposal)).toMatchObject({ token: 't' });
  expect(await client.declared('a')).toEqual({ kind: 'absent' });
  expect(await client.apply(proposal, 'token', writing)).toMatchObject({ snapshot: 's' });
  expect(await client.undo('a', null, writing)).toMatchObject({ snapshot: 'u' });
  expect(await client.planLock(locking)).toMatchObject({ token: 'l' });
  expect(await client.lock(locking, null, writing)).toMatchObject({ snapshot: 'l' });
  await client.backup('/tmp/backup.db');
  await client.stop();
  expect(calls).toEqual([
    ['command', 'a', 'abort', uid],
    ['reconcile', null, uid],
    ['suspendSource', 'folder', true, uid],
    ['plan', proposal],
    ['declared', 'a'],
    ['apply', proposal, 'token', writing, uid],
    ['undo', 'a', null, writing, uid],
    ['planLock', locking],
    ['lock', locking, null, writing, uid],
    ['backup', '/tmp/backup.db', uid],
    ['stop', uid],
  ]);
});

it('passes on every kind of command', async () => {
  const client = await connectAdmin(path);
  for (const kind of commandKinds) await client.command('a', kind);
  expect(calls.map(([, , kind]) => kind)).toEqual([...commandKinds]);
});

it('hands errors on with code, words and data', async () => {
  fail = new FairleadError('Refused', 'not now', { data: { issues: [1] } });
  const client = await connectAdmin(path);
  await expect(client.apply(proposal, null, writing)).rejects.toMatchObject({ code: 'Refused', message: 'not now', data: { issues: [1] } });
});

it('refuses what is not a request of it, before anything is done', async () => {
  const client = await connectAdmin(path);
  await expect(client.command('a', 'explode' as never)).rejects.toMatchObject({ code: 'Usage' });
  await expect(client.command('', 'abort')).rejects.toMatchObject({ code: 'Usage' });
  await expect(client.backup('relative.db')).rejects.toMatchObject({ code: 'Usage' });
  expect(calls).toEqual([]);
});

it.each([
  { ...writing, message: ' ' },
  { ...writing, author: { name: 'Ada\nFairlead-Plan: x', email: 'ada@example.org' } },
  { ...writing, author: { name: 'Ada <eve@example.org>', email: 'ada@example.org' } },
  { ...writing, author: { name: 'Ada', email: 'ada @example.org' } },
  { ...writing, propose: '' },
  { message: null, author: null },
])('refuses to have a change written so: %j', async (wrong) => {
  const client = await connectAdmin(path);
  await expect(client.apply(proposal, null, wrong as never)).rejects.toMatchObject({ code: 'Usage' });
  await expect(client.undo('a', null, wrong as never)).rejects.toMatchObject({ code: 'Usage' });
  expect(calls).toEqual([]);
});

it('takes a branch by any name for one', async () => {
  await (await connectAdmin(path)).undo('a', null, { message: null, author: null, propose: 'false' });
  expect(calls).toEqual([['undo', 'a', null, { message: null, author: null, propose: 'false' }, uid]]);
});

it('answers only POST on its own paths', async () => {
  const status = await new Promise((resolve, reject) => {
    request({ socketPath: path, path: '/stop', method: 'GET' }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
  expect(status).toBe(404);
  expect(calls).toEqual([]);
});

it('can be opened by its owner alone', () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('says Unreachable when nobody serves it', async () => {
  await server.close();
  await expect((await connectAdmin(path)).stop()).rejects.toMatchObject({ code: 'Unreachable' });
});

it('says that it may have been done when the controller is killed before it answers', async () => {
  await server.close();
  const killed = createServer((socket) => void socket.once('data', () => socket.destroy())).listen(path);
  await once(killed, 'listening');
  await expect((await connectAdmin(path)).apply(proposal, null, writing)).rejects.toMatchObject({
    code: 'Unreachable',
    message: expect.stringContaining('may have been done'),
    data: { next: expect.stringContaining('before asking again') },
  });
  await new Promise((done) => killed.close(done));
});

it('replaces a socket that a killed process left', async () => {
  await server.close();
  writeFileSync(path, '');
  server = await serveAdmin({ stop: async () => {} } as unknown as Admin, path);
  await expect((await connectAdmin(path)).stop()).resolves.toEqual({});
});
