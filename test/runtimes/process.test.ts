import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCodeName } from '../../src/base/error-codes.ts';
import { FairleadError } from '../../src/base/error.ts';
import { systemClock } from '../../src/processes/clock.ts';
import { launchOf } from '../../src/runtimes/launch.ts';
import { channelOf, firstWord, httpRun, lives, processRun, until, withoutRemoval, World } from './world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

async function failure(start: Promise<unknown>): Promise<FairleadError> {
  const thrown = await start.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(FairleadError);
  return thrown as FairleadError;
}

/** While `work` runs, this process can open nothing. */
async function withoutDescriptors<Result>(work: () => Promise<Result>): Promise<Result> {
  const { pid } = process;
  const before = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))![1]!;
  // Made now: once nothing can be opened, nothing could be started that gives the limit back either.
  const restorer = spawn('sh', ['-c', `read go; prlimit --pid ${pid} --nofile=${before}:`], { stdio: ['pipe', 'ignore', 'ignore'] });
  spawnSync('sh', ['-c', `prlimit --pid ${pid} --nofile=${readdirSync('/proc/self/fd').length}:`]);
  try {
    return await work();
  } finally {
    restorer.stdin.end('go\n');
    await once(restorer, 'exit');
  }
}

describe('launching', () => {
  it('gives a service an environment built from empty, filled-in arguments, and no way to new privileges', async () => {
    process.env['FAIRLEAD_TEST_SECRET'] = 'of the host';
    const run = processRun('facts', ['--dir=${instance.dir}', '--id', '${instance.id}'], { env: { WHERE: '${instance.dir}', A: 'b' } });
    const running = await world.start(run);
    delete process.env['FAIRLEAD_TEST_SECRET'];
    const facts = await firstWord<{ env: Record<string, string>; args: string[]; pid: number } & Record<string, string>>(running);
    const dir = join(world.dataDir, 'work/subject-00000000-0-1');
    expect(Object.keys(facts.env).sort()).toEqual(['A', 'FAIRLEAD_INSTANCE', 'HOME', 'LANG', 'PATH', 'TMPDIR', 'WHERE']);
    expect(facts.env['WHERE']).toBe(dir);
    expect(facts.args).toEqual([`--dir=${dir}`, '--id', 'subject-00000000-0-1']);
    expect(facts.noNewPrivs).toBe('1');
    expect(facts.core).toBe('0');
    // The sandbox's tools have made way: the pid that is recorded and signalled is the service's own.
    expect(facts.pid).toBe(running.pid);
    // `node` is the one that runs Fairlead, whatever else is on PATH.
    expect(facts['execPath']).toBe(process.execPath);
    expect(existsSync(dir)).toBe(true);
    await running.stop();
    expect(existsSync(dir)).toBe(false);
  });

  it.each(['/work/', '/instances/'])('says how a service ended though something in %s cannot be removed', async (part) => {
    const running = await world.start(processRun('echo', ['${instance.dir}']), { stopTimeoutMs: 600_000 });
    await withoutRemoval(part, async () => {
      await running.stop();
      expect(await running.ended).toMatchObject({ code: 'Exited', exitCode: 0 });
      const gone = processRun('exit', ['3', '${instance.dir}'], { transport: 'http', port: 'auto' });
      expect((await failure(world.start(gone, { instanceId: 'subject-00000000-0-2' }))).code).toBe('ExitedEarly');
    });
  });

  it('does not sandbox where the manifest says none', async () => {
    const facts = await firstWord<Record<string, string>>(await world.start(processRun('facts', [], { sandbox: 'none' })));
    expect(facts['noNewPrivs']).toBe('0');
  });

  it('refuses a service rather than run it with less of a sandbox than was declared', async () => {
    const facts = { id: 'x', port: null, dir: world.dataDir, marker: 'm' };
    const run = processRun('echo', [], { command: [process.execPath] });
    const error = await failure((async () => launchOf(run, facts, { PATH: world.dataDir }))());
    expect(error.code).toBe('SandboxUnavailable');
    expect(launchOf({ ...run, sandbox: 'none' }, facts, { PATH: world.dataDir }).file).toBe(process.execPath);
  });

  const cases: [string, () => ReturnType<typeof processRun>, ErrorCodeName][] = [
    ['a command that is in no folder of PATH', () => processRun('echo', [], { command: ['no-such-command-at-all'] }), 'CommandNotFound'],
    ['a path where nothing is', () => processRun('echo', [], { command: ['./not/here'] }), 'CommandNotFound'],
    ['a folder as command', () => processRun('echo', [], { command: ['/usr'] }), 'CommandNotFound'],
    ['a folder to run in that is not there', () => processRun('echo', [], { cwd: '/no/such/folder' }), 'StartFailed'],
    ['an argument larger than the system takes', () => processRun('echo', ['x'.repeat(300_000)]), 'StartFailed'],
  ];
  it.each(cases)('says why it cannot start: %s', async (_, run, code) => {
    const error = await failure(world.start(run()));
    expect(error.code).toBe(code);
    expect(world.records()).toEqual([]);
  });

  it('says so when there is no room to write down what it starts', async () => {
    rmSync(join(world.dataDir, 'instances'), { recursive: true });
    writeFileSync(join(world.dataDir, 'instances'), 'in the way');
    expect((await failure(world.start(processRun('echo')))).code).toBe('StartFailed');
  });

  it('says so when the host has no descriptor left, and goes on once it has', async () => {
    const error = await withoutDescriptors(() => failure(world.start(processRun('echo'))));
    expect(error.code).toBe('StartFailed');
    expect(world.records()).toEqual([]);
    await world.start(processRun('echo'));
  });

  it('says what it looked for, and that a file is not executable', async () => {
    const missing = await failure(world.start(processRun('echo', [], { command: ['no-such-command-at-all'], env: { PATH: '/a:/b' } })));
    expect(missing.data['lookedAt']).toEqual(['/a/no-such-command-at-all', '/b/no-such-command-at-all']);
    const file = join(world.dataDir, 'plain');
    writeFileSync(file, 'text');
    chmodSync(file, 0o644);
    expect((await failure(world.start(processRun('echo', [], { command: [file] })))).code).toBe('CommandNotFound');
  });
});

describe('standard streams', () => {
  it('carries lines both ways, also what came before anybody listened', async () => {
    const running = await world.start(processRun('echo'));
    const channel = channelOf(running);
    channel.write('{"n":1}');
    channel.write(Buffer.from('{"n":2}'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const lines: string[] = [];
    channel.onLine((line) => lines.push(line.toString()));
    await until('both lines are back', () => lines.length === 2);
    expect(lines).toEqual(['{"n":1}', '{"n":2}']);
  });

  it('tells a writer to wait while the process does not read, and when to go on', async () => {
    const running = await world.start(processRun('echo'));
    const channel = channelOf(running);
    let received = 0;
    const line = 'x'.repeat(100_000);
    let sent = 0;
    let drained = 0;
    channel.onDrain(() => drained++);
    while (channel.write(line)) sent++;
    sent++;
    channel.onLine(() => received++);
    await until('every line is back', () => received === sent);
    expect(drained).toBeGreaterThan(0);
  });

  it('ends a process whose line has no end, and says so', async () => {
    const running = await world.start(processRun('endless', [], { maxMessageBytes: 100_000 }));
    channelOf(running).onLine(() => {
      throw new Error('there is no whole line');
    });
    const end = await running.ended;
    expect(end.code).toBe('MessageTooLarge');
    expect(lives(running.pid!)).toBe(false);
  });

  it('hands out what was written before the end, then closes, then says how it ended', async () => {
    const running = await world.start(processRun('exit', ['7']));
    let closed = false;
    channelOf(running).onClose(() => (closed = true));
    channelOf(running).onLine(() => {});
    const end = await running.ended;
    expect(closed).toBe(true);
    expect(end).toMatchObject({ code: 'Exited', exitCode: 7, signal: null, stderrTail: 'no licence found\n' });
    expect(world.records()).toEqual([]);
    expect(channelOf(running).write('to nobody')).toBe(true);
  });
});

describe('a clock that is set back again and again', () => {
  beforeEach(async () => {
    await world.close();
    let now = Date.now();
    world = new World({}, { ...systemClock, now: () => (now -= 3_600_000) });
  });

  it('makes nobody wait longer for a service that never listens', async () => {
    expect((await failure(world.start(httpRun('deaf', []), { startTimeoutMs: 300 }))).code).toBe('HandshakeTimeout');
  });

  it('makes nobody wait longer for what a stopped service leaves behind', async () => {
    const running = await world.start(processRun('leaver'));
    const { child } = await firstWord<{ child: number }>(running);
    await until('the child is up', () => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('stubborn'));
    await running.stop();
    expect(lives(child)).toBe(false);
  });
});

describe('stopping', () => {
  it('needs no signal where the end of input is enough', async () => {
    const running = await world.start(processRun('echo'), { stopTimeoutMs: 600_000 });
    await running.stop();
    expect(await running.ended).toMatchObject({ exitCode: 0, signal: null });
  });

  it('kills what ignores the end of its input and SIGTERM', async () => {
    const running = await world.start(processRun('stubborn'));
    await firstWord(running);
    await running.stop();
    expect(await running.ended).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
    expect(lives(running.pid!)).toBe(false);
  });

  it.each(['leaver', 'disowner'])('leaves nothing of a process that moved a child to another session (%s)', async (mode) => {
    const running = await world.start(processRun(mode));
    const { child } = await firstWord<{ child: number }>(running);
    await until('the child is up', () => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('stubborn'));
    await running.stop();
    expect(lives(running.pid!)).toBe(false);
    expect(lives(child)).toBe(false);
    expect(world.records()).toEqual([]);
  });

  it('takes what a process left behind with it when the process ends by itself', async () => {
    const running = await world.start(processRun('leaver'));
    const { child } = await firstWord<{ child: number }>(running);
    process.kill(running.pid!, 'SIGKILL');
    await running.ended;
    expect(lives(child)).toBe(false);
  });

  it('takes what a process left behind with it though the host had no descriptor left to look for it', async () => {
    const running = await world.start(processRun('leaver'));
    const { child } = await firstWord<{ child: number }>(running);
    await until('the child is up', () => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('stubborn'));
    await withoutDescriptors(async () => {
      process.kill(running.pid!, 'SIGKILL');
      await Promise.race([running.ended, new Promise((resolve) => setTimeout(resolve, 500))]);
    });
    await running.ended;
    expect(lives(child)).toBe(false);
  });

  it('hurries when it is asked again with less time', async () => {
    const running = await world.start(processRun('stubborn'), { stopTimeoutMs: 600_000 });
    await firstWord(running);
    const slow = running.stop();
    await running.stop(10);
    await slow;
    expect(lives(running.pid!)).toBe(false);
  });
});

describe('the log', () => {
  it('takes a flood on stderr without holding the service up, and keeps to its size', async () => {
    await world.close();
    world = new World({ maxFileBytes: 1 << 20, maxFiles: 3, maxWaitingBytes: 256 << 10 });
    const running = await world.start(processRun('flood', ['40']));
    expect(await firstWord(running)).toEqual({ flooded: true });
    await until('the last of it was read', () => running.stderrTail().endsWith('the last line\n'));
    await running.stop();
    expect(Buffer.byteLength(running.stderrTail())).toBeLessThanOrEqual(2_048);
    const files = readdirSync(dirname(world.logPath()));
    expect(files.length).toBeLessThanOrEqual(3);
    for (const file of files) expect(statSync(join(dirname(world.logPath()), file)).size).toBeLessThanOrEqual((1 << 20) + (256 << 10));
  });
});

describe('over HTTP', () => {
  it('finds a port, fills it in, and is there when the port accepts', async () => {
    const running = await world.start(httpRun('listen', ['${instance.port}']));
    expect(running.endpoint).toEqual({ kind: 'http', url: `http://127.0.0.1:${running.port}/mcp`, headers: {} });
    expect(await (await fetch(`http://127.0.0.1:${running.port}/`)).text()).toBe('here');
    await running.stop();
    expect(readFileSync(world.logPath(), 'utf8')).toBe('listening\n');
  });

  it('gives two services at once two ports', async () => {
    const both = await Promise.all(
      ['a-1', 'b-1'].map((instanceId) => world.start(httpRun('listen', ['${instance.port}']), { instanceId })),
    );
    expect(both[0]!.port).not.toBe(both[1]!.port);
  });

  it('says with its last words that a service ended before it listened', async () => {
    const error = await failure(world.start(httpRun('exit', ['3'])));
    expect(error.code).toBe('ExitedEarly');
    expect(error.data).toMatchObject({ exitCode: 3, stderrTail: 'no licence found\n' });
    expect(world.records()).toEqual([]);
  });

  it('gives up a service that lives but never listens', async () => {
    const error = await failure(world.start(httpRun('deaf', []), { startTimeoutMs: 300 }));
    expect(error.code).toBe('HandshakeTimeout');
    expect(world.records()).toEqual([]);
  });

  it('gives up at once a start that is no longer wanted', async () => {
    const abort = new AbortController();
    const start = failure(world.start(httpRun('deaf', []), { startTimeoutMs: 600_000, signal: abort.signal }));
    await until('the process is there', () => world.records().length === 1);
    abort.abort();
    expect((await start).code).toBe('Cancelled');
    expect(world.records()).toEqual([]);
  });

  describe('with a fixed port', () => {
    let holder: Server;
    let port: number;
    beforeEach(async () => {
      holder = createServer().listen(0, '127.0.0.1');
      await once(holder, 'listening');
      port = (holder.address() as AddressInfo).port;
    });
    afterEach(() => new Promise((resolve) => holder.close(resolve)));

    it('names the port and who has it', async () => {
      const error = await failure(world.start(httpRun('listen', [String(port)], port)));
      expect(error.code).toBe('PortTaken');
      expect(error.message).toContain(String(port));
      expect(error.message).toContain(String(process.pid));
    });

    it('does not take another process that listens there for the service', async () => {
      // The port is free when the service is launched, and somebody else's before the service gets to it.
      await new Promise((resolve) => holder.close(resolve));
      const start = failure(world.start(httpRun('deaf', [], port), { startTimeoutMs: 20_000 }));
      await until('the process is there', () => world.records().length === 1);
      holder = createServer().listen(port, '127.0.0.1');
      expect((await start).code).toBe('PortTaken');
    });
  });
});

describe('a process for each session', () => {
  it('starts more of the same, and ends them with the Instance', async () => {
    const running = await world.start(processRun('stubborn', [], { isolation: 'session' }));
    const sessions = await Promise.all(['one', 'two'].map((id) => running.spawnForSession!(id)));
    expect(new Set([running, ...sessions].map(({ pid }) => pid)).size).toBe(3);
    expect(sessions[0]).not.toHaveProperty('spawnForSession');
    expect(world.records()).toHaveLength(3);
    await sessions[0]!.stop();
    expect(lives(sessions[0]!.pid!)).toBe(false);
    await running.stop();
    expect(lives(sessions[1]!.pid!)).toBe(false);
    expect(world.records()).toEqual([]);
    await expect(running.spawnForSession!('three')).rejects.toMatchObject({ code: 'UpstreamLost' });
  });

  it('is not offered by a shared one', async () => {
    expect(await world.start(processRun('echo'))).not.toHaveProperty('spawnForSession');
  });
});
