/** The supervisor over two processes that do nothing: what it starts, starts again, stops, and leaves behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Supervision, SupervisorEvent } from '../../src/cli/context.ts';
import { supervise } from '../../src/processes/supervisor.ts';
import { holdDataDir } from '../../src/stores/data-dir-lock.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
const entries = { controller: join(fixtures, 'controller.ts'), host: join(fixtures, 'host.ts') };

let dataDir: string;
let running: Supervision[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'fairlead-supervisor-'));
  running = [];
});
afterEach(async () => {
  for (const supervision of running) await supervision.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Started {
  readonly supervision: Supervision;
  readonly events: SupervisorEvent[];
  readonly until: <Kind extends SupervisorEvent['kind']>(kind: Kind, count?: number) => Promise<Extract<SupervisorEvent, { kind: Kind }>>;
}

async function start(): Promise<Started> {
  const events: SupervisorEvent[] = [];
  let wake = (): void => {};
  const listener = { host: '127.0.0.1', port: 0 };
  const supervision = await supervise(
    { sources: [{ kind: 'folder', name: 'folder', path: dataDir }], dataDir, gateway: listener, status: listener },
    (event) => {
      events.push(event);
      wake();
    },
    entries,
  );
  running.push(supervision);
  supervision.ended.catch(() => {});
  const until: Started['until'] = async (kind, count = 1) => {
    for (;;) {
      const found = events.filter((event) => event.kind === kind);
      if (found.length >= count) return found[count - 1] as never;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { supervision, events, until };
}

const runFile = () => JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as Record<string, number & string>;
const told = () => readFileSync(join(dataDir, 'told'), 'utf8').trim().split('\n');
const put = (name: string) => writeFileSync(join(dataDir, name), '');

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie answers too; it is gone for our purposes.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

async function untilGone(...pids: number[]): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (pids.some(isAlive)) {
    if (performance.now() > deadline) throw new Error(`still alive: ${pids.filter(isAlive).join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('starts both, says where, and stops the controller before the host', async () => {
  const { supervision, until } = await start();
  const ready = await until('ready');
  const facts = runFile();
  expect(facts).toMatchObject({ supervisorPid: process.pid, gatewayUrl: ready.gatewayUrl, statusUrl: ready.statusUrl });
  await supervision.stop();
  expect(await supervision.ended).toBe(0);
  expect(told().slice(-2)).toEqual(['controller stopped', 'host stopped']);
  expect([facts['controllerPid']!, facts['hostPid']!].filter(isAlive)).toEqual([]);
  expect(existsSync(join(dataDir, 'run.json'))).toBe(false);
});

it.each(['controller', 'host'] as const)(
  'starts the %s again when it is killed, at the same address, and leaves the other alone',
  async (name) => {
    const { until } = await start();
    await until('ready');
    const before = runFile();
    process.kill(before[`${name}Pid`]!, 'SIGKILL');
    expect(await until('exited')).toMatchObject({ process: name, restartInMs: 100 });
    await until('started', 3);
    const after = runFile();
    const other = name === 'host' ? 'controllerPid' : 'hostPid';
    expect(after[`${name}Pid`]).not.toBe(before[`${name}Pid`]);
    expect(after[other]).toBe(before[other]);
    expect([after['gatewayUrl'], after['statusUrl']]).toEqual([before['gatewayUrl'], before['statusUrl']]);
  },
);

it('starts nothing again that ends while everything stops: who stops a whole group tells the host at the same moment', async () => {
  put('hold-controller');
  const { supervision, events, until } = await start();
  await until('ready');
  const { hostPid } = runFile();
  const stopping = supervision.stop();
  process.kill(hostPid!, 'SIGTERM');
  await untilGone(hostPid!);
  await supervision.stop();
  await stopping;
  expect(events.map(({ kind }) => kind)).toEqual(['started', 'started', 'ready']);
});

it('waits longer before each start of what keeps failing', async () => {
  const { until } = await start();
  await until('ready');
  put('fail-controller');
  process.kill(runFile()['controllerPid']!, 'SIGKILL');
  expect(await until('exited', 3)).toMatchObject({ restartInMs: 400, reason: 'somebody else has it' });
});

it('gives up with its words when one cannot come up the first time, and leaves nothing', async () => {
  put('fail-host');
  const { supervision, events } = await start();
  await expect(supervision.ended).rejects.toMatchObject({ code: 'PortTaken', data: { next: 'x' } });
  expect(existsSync(join(dataDir, 'run.json'))).toBe(false);
  expect(events.flatMap((event) => (event.kind === 'started' ? [event.pid] : [])).filter(isAlive)).toEqual([]);
});

it('refuses a data directory that another supervisor runs on, and names it', async () => {
  const { until } = await start();
  await until('ready');
  await expect(start()).rejects.toMatchObject({ code: 'StoreLocked', data: { pid: process.pid } });
});

it('refuses one of two that begin at the same moment, which touches nothing of the other', async () => {
  const begun = await Promise.allSettled([start(), start()]);
  const [refused] = begun.filter((one) => one.status === 'rejected');
  const [started] = begun.filter((one) => one.status === 'fulfilled');
  expect(refused?.reason).toMatchObject({ code: 'StoreLocked' });
  await started!.value.until('ready');
  expect(told().sort()).toEqual(['controller started', 'host started']);
  expect(runFile()).toMatchObject({ supervisorPid: process.pid });
});

it('lets nobody restore a backup under it, also while its controller is down', async () => {
  const { supervision, until } = await start();
  await until('ready');
  expect(() => holdDataDir(dataDir)).toThrow(expect.objectContaining({ code: 'StoreLocked' }));
  await supervision.stop();
  holdDataDir(dataDir)();
});

it('goes on without its files when they cannot be written', async () => {
  const { until } = await start();
  await until('ready');
  const { controllerPid } = runFile();
  rmSync(join(dataDir, 'logs'), { recursive: true });
  writeFileSync(join(dataDir, 'logs'), 'in the way');
  rmSync(join(dataDir, 'run.json'));
  mkdirSync(join(dataDir, 'run.json', 'in-the-way'), { recursive: true });
  process.kill(controllerPid!, 'SIGKILL');
  expect(await until('started', 3)).toMatchObject({ process: 'controller' });
});

it('says so when the data directory cannot be made', async () => {
  writeFileSync(join(dataDir, 'file'), '');
  const listener = { host: '127.0.0.1', port: 0 };
  const settings = { sources: [], dataDir: join(dataDir, 'file', 'data'), gateway: listener, status: listener };
  await expect(supervise(settings, () => {}, entries)).rejects.toMatchObject({ code: 'Usage' });
});

it.skipIf(process.getuid!() === 0)('says so when the data directory may not be written to (root may anything)', async () => {
  chmodSync(dataDir, 0o500);
  await expect(start()).rejects.toMatchObject({ code: 'Usage' });
});

it('hurries the host when it is told to stop a second time', async () => {
  put('hold-host');
  const { supervision, until } = await start();
  await until('ready');
  const stopping = supervision.stop();
  while (!told().includes('host stopped')) await new Promise((resolve) => setTimeout(resolve, 10));
  await supervision.stop();
  await stopping;
  expect(told().slice(-2)).toEqual(['host stopped', 'host hurried']);
});

it('that is killed takes both with it, and the next one finds the data directory free', async () => {
  const doomed = spawn(process.execPath, [join(fixtures, 'supervisor.ts'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  while (!output.includes('"ready"')) output += String(((await once(doomed.stdout, 'data')) as [Buffer])[0]);
  const { controllerPid, hostPid } = runFile();
  doomed.kill('SIGKILL');
  await once(doomed, 'exit');
  const { until } = await start();
  await until('ready');
  expect([controllerPid!, hostPid!].filter(isAlive)).toEqual([]);
  await untilGone(controllerPid!, hostPid!);
});
