/** A whole Fairlead as `fairlead up` starts it, with real services: what survives which death, and what is left in the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { connectAdmin } from '../../src/admin/client.ts';
import { dataDirOf } from '../../src/base/data-dir.ts';
import type { About } from '../../src/ports/read-model.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { killHard, pause, Stand } from '../e2e/stand.ts';

let stand: Stand | null = null;
afterEach(async () => {
  await stand?.stop();
  stand = null;
});

async function about(): Promise<About> {
  return (await (await fetch(new URL('/api/v1/about', stand!.runFile()!.statusUrl!))).json()) as About;
}

/** Polls until the run file names another process, up to a minute. */
async function untilOther(name: 'controllerPid' | 'hostPid', pid: number): Promise<number> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 20) {
    const now = stand!.runFile()?.[name];
    if (typeof now === 'number' && now !== pid) return now;
    await pause(20);
  }
  throw new Error(`${name} stays ${pid}\n${stand!.output}`);
}

it(
  'a controller that is killed is followed by one that finds everything as it was; the end leaves nothing',
  { timeout: 300_000 },
  async () => {
    stand = await Stand.start([
      { name: 'alpha', transport: 'stdio', tag: 'one' },
      { name: 'beta', transport: 'http', tag: 'one' },
    ]);
    const [before, services] = [await about(), new Set(stand.servicePids())];
    killHard(before.pids.controller);
    const controllerPid = await untilOther('controllerPid', before.pids.controller);
    await stand.untilActive(['alpha', 'beta']);
    const after = await about();
    expect(after).toMatchObject({ epoch: before.epoch + 1, pids: { controller: controllerPid, host: before.pids.host } });
    expect(new Set(stand.servicePids())).toEqual(services);

    stand.declare({ name: 'alpha', transport: 'stdio', tag: 'two' });
    await stand.until('alpha is updated', (all) => all.get('alpha')?.status.history[0]?.number === 2);
    expect(await stand.stop()).toEqual({ code: 0, left: [] });
    stand = null;
  },
);

it('a controller that stands still holds up no call, lets no second one in, and catches up', { timeout: 300_000 }, async () => {
  stand = await Stand.start([
    { name: 'alpha', transport: 'stdio', tag: 'one' },
    { name: 'beta', transport: 'http', tag: 'one' },
  ]);
  const before = await about();
  const alphaPid = (await stand.services())!.get('alpha')!.status.instances[0]!.pid!;
  process.kill(before.pids.controller, 'SIGSTOP');
  try {
    stand.declare({ name: 'beta', transport: 'http', tag: 'two' });
    killHard(alphaPid);
    for (let calls = 0; calls < 50; calls += 1) {
      const url = new URL('/api/v1/services/beta/call', before.gatewayUrl);
      const body = JSON.stringify({ tool: 'echo', args: { id: String(calls) } });
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      expect(await answer.json()).toMatchObject({ content: [{ text: expect.stringContaining('one') }] });
    }
    const database = dataDirOf(before.dataDir).database;
    expect(() => openSqliteStore(database)).toThrow(expect.objectContaining({ code: 'StoreLocked' }));
  } finally {
    process.kill(before.pids.controller, 'SIGCONT');
  }
  await stand.until('beta is updated', (all) => all.get('beta')?.status.history[0]?.number === 2);
  const after = await stand.untilActive(['alpha', 'beta']);
  expect(after.get('alpha')!.status.instances[0]!.pid).not.toBe(alphaPid);
  expect(await about()).toMatchObject({ epoch: before.epoch, pids: before.pids });
});

it('a host that is killed takes its services with it and brings them back', { timeout: 300_000 }, async () => {
  stand = await Stand.start([{ name: 'alpha', transport: 'stdio', tag: 'one' }]);
  const [{ hostPid }, services] = [stand.runFile()!, stand.servicePids()];
  killHard(hostPid!);
  await untilOther('hostPid', hostPid!);
  await stand.until('alpha runs anew', (all) => all.get('alpha')?.status.readyInstances === 1 && stand!.servicePids().length > 0);
  expect(stand.servicePids().filter((pid) => services.includes(pid))).toEqual([]);
});

it('ends for good when an operator says so over the admin socket', { timeout: 300_000 }, async () => {
  stand = await Stand.start([{ name: 'alpha', transport: 'stdio', tag: 'one' }]);
  const { adminSocket } = await about();
  await (await connectAdmin(adminSocket)).stop();
  while (stand.runFile() !== null) await pause(20);
  expect(stand.servicePids()).toEqual([]);
});

it.each(['--gateway', '--status'])('says which flag to change when its port is taken: %s', async (flag) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-taken-'));
  try {
    const other = flag === '--gateway' ? '--status' : '--gateway';
    const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const launcher = join(import.meta.dirname, '../../bin/fairlead.cjs');
    const up = spawn(process.execPath, [launcher, 'up', folder, flag, address, other, '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    up.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
    up.stdout.resume();
    const [code] = (await once(up, 'close')) as [number];
    expect(errors).toContain('PortTaken');
    expect(errors).toContain(flag);
    expect(code).not.toBe(0);
  } finally {
    taken.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
