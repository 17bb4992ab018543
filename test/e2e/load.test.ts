/** The load is the yardstick of the chaos runs, so it is held against services whose faults are known. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Load, type Tally } from './load.ts';

const fixture = join(import.meta.dirname, '../fixtures/echo-server.ts');
let log: string;
let child: ChildProcess;
let url: string;

beforeEach(() => {
  log = mkdtempSync(join(tmpdir(), 'fairlead-load-'));
});
afterEach(() => {
  child.kill('SIGKILL');
  rmSync(log, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startService(...args: string[]): Promise<void> {
  const port = await freePort();
  const transport = ['--transport', 'http', '--port', String(port), '--log', log];
  child = spawn(process.execPath, [fixture, '--service', 'alpha', ...transport, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  await once(child.stderr!, 'data');
  url = `http://127.0.0.1:${port}/mcp`;
}

async function runUntil(load: Load, enough: (tally: Tally) => boolean): Promise<Tally> {
  load.start();
  while (!enough(load.tally)) await new Promise((resolve) => setTimeout(resolve, 5));
  return load.stop();
}

test('against an honest service every call is answered rightly, once', async () => {
  await startService();
  const aims = Array.from({ length: 5 }, () => ({ url, service: 'alpha', tool: 'echo' }));
  const load = new Load('run', aims, 5_000);
  const tally = await runUntil(load, ({ ok }) => ok > 100);
  expect(tally).toMatchObject({ retryable: 0, failed: 0, misrouted: 0, hung: 0, reopened: 0 });
  expect(load.audit(log)).toEqual({ doubled: 0, phantom: 0, begun: tally.ok });
});

test('an answer from another service or from a broken Revision counts as misrouted', async () => {
  await startService('--tag', 'broken-1');
  const tally = await runUntil(new Load('run', [{ url, service: 'alpha', tool: 'echo' }], 5_000), ({ misrouted }) => misrouted > 3);
  expect(tally.ok).toBe(0);
  const other = await runUntil(new Load('run', [{ url, service: 'beta', tool: 'echo' }], 5_000), ({ misrouted }) => misrouted > 3);
  expect(other.ok).toBe(0);
});

test('a call that arrived twice and an answer that no service gave show in the audit', async () => {
  await startService();
  const load = new Load('run', [{ url, service: 'alpha', tool: 'echo' }], 5_000);
  await runUntil(load, ({ ok }) => ok > 3);
  const [file] = readdirSync(log);
  appendFileSync(join(log, file!), 'run/0/0\tr0\n');
  expect(load.audit(log).doubled).toBe(1);
  rmSync(join(log, file!));
  expect(load.audit(log).phantom).toBe(load.tally.ok);
});

test('a service that dies gives retryable errors, one that never answers gives hung ones, a wrong tool gives failed ones', async () => {
  await startService();
  const load = new Load('run', [{ url, service: 'alpha', tool: 'echo' }], 5_000);
  const tally = await runUntil(load, ({ ok, retryable }) => {
    if (ok > 3) child.kill('SIGKILL');
    return retryable > 2;
  });
  expect(tally).toMatchObject({ failed: 0, misrouted: 0, hung: 0 });
  await startService('--mode', 'hang');
  expect((await runUntil(new Load('run', [{ url, service: 'alpha', tool: 'echo' }], 100), ({ hung }) => hung > 1)).ok).toBe(0);
  child.kill('SIGKILL');
  await startService();
  expect((await runUntil(new Load('run', [{ url, service: 'alpha', tool: 'gone' }], 5_000), ({ failed }) => failed > 1)).ok).toBe(0);
});
