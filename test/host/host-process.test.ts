/** The host process as the supervisor runs it, with real services, seen over its real link. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostLink } from '../../src/link/controller-end.ts';
import type { Observation } from '../../src/model/observation.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { ProcessRun, RunSpec } from '../../src/model/revision.ts';
import type { Check } from '../../src/model/service.ts';
import type { HostLink } from '../../src/ports/host-link.ts';
import type { FromChild } from '../../src/processes/child.ts';
import { systemClock } from '../../src/processes/clock.ts';
import { dataDirOf } from '../../src/base/data-dir.ts';
import { reapOrphans } from '../../src/runtimes/orphans.ts';
import { processRun } from '../runtimes/world.ts';
import { basic, planFor, planned } from './world.ts';

const root = join(import.meta.dirname, '../..');
const everything = join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
/** Keeps the official server, which would listen on every interface, to this machine. */
const loopback = join(root, 'examples/loopback.cjs');
const echo = join(root, 'test/fixtures/echo-server.ts');

let dataDir: string;
let link: HostLink;
let children: ChildProcess[];
/** By service, as last heard. */
let seen: Map<string, Observation>;
let connections: string[];
let epoch = 0;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'fairlead-host-'));
  children = [];
  seen = new Map();
  connections = [];
  link = createHostLink({ socketPath: dataDirOf(dataDir).hostSocket, clock: systemClock });
  link.start(++epoch, {
    connected: (hostId, observations) => {
      connections.push(hostId);
      seen = new Map(observations.map((observation) => [observation.service, observation]));
    },
    observed: (observation) => void seen.set(observation.service, observation),
    contract: () => {},
    usage: () => {},
    disconnected: () => {},
  });
});
afterEach(async () => {
  await link.close();
  for (const child of children) child.kill('SIGKILL');
  await reapOrphans(dataDir, { graceMs: 0 });
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts a host as the supervisor does; resolves with it and what it says. */
async function startHost(): Promise<{ child: ChildProcess; said: FromChild }> {
  const before = connections.length;
  const child = fork(join(root, 'src/processes/host.ts'), [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  children.push(child);
  const listener = { host: '127.0.0.1', port: 0 };
  child.send({
    kind: 'start',
    settings: { root: dataDir, dataDir, gateway: listener, status: listener },
    supervisorPid: process.pid,
  });
  const [said] = (await once(child, 'message')) as [FromChild];
  await until('the link is up', () => connections.length > before);
  return { child, said };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}: ${JSON.stringify([...seen.values()])}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function plan(service: string, run: RunSpec, changes: { generation?: number; instances?: string[] } = {}): Plan {
  const base = planFor(service, {
    generation: changes.generation ?? 1,
    instances: (changes.instances ?? [`${service}-1`]).map((id) => planned(id)),
  });
  return { ...base, revisions: { 'hash-a': { name: service, hash: 'hash-a', run } } };
}

function run(command: readonly string[], changes: Partial<ProcessRun> = {}): ProcessRun {
  return processRun('', [], { command, cwd: root, maxMessageBytes: 4 << 20, ...changes });
}

function well(service: string): boolean {
  const instance = seen.get(service)?.instances[0];
  return instance?.phase === 'connected' && instance.checks.every(({ outcome }) => outcome === 'pass');
}

/** Pids of everything that carries this data directory's marker, as the kernel says. */
function marked(): number[] {
  const ids = ['stdio-1', 'http-1', 'echo-1', 'leaver-1'];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
        const marker = environment.find((line) => line.startsWith('FAIRLEAD_INSTANCE='));
        const ours = environment.includes(`TEST_DIR=${dataDir}`);
        return ours && marker !== undefined && ids.some((id) => marker.endsWith(`:${id}`));
      } catch {
        return false;
      }
    })
    .map(Number);
}

const env = (): Record<string, string> => ({ TEST_DIR: dataDir });

describe('the host process', () => {
  it('runs an official server over standard streams and over HTTP, and leaves nothing when it is told to stop', async () => {
    const { child, said } = await startHost();
    expect(said.kind).toBe('ready');
    link.send(plan('stdio', run(['node', everything], { env: env() })));
    link.send(
      plan(
        'http',
        run(['node', '--require', loopback, everything, 'streamableHttp'], {
          transport: 'http',
          port: 'auto',
          env: { ...env(), PORT: '${instance.port}' },
        }),
      ),
    );
    await until('both are well', () => well('stdio') && well('http'));
    expect(seen.get('http')!.instances[0]!.port).toBeGreaterThan(0);
    expect(marked()).toHaveLength(2);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(marked()).toEqual([]);
    expect(readdirSync(join(dataDir, 'instances'))).toEqual([]);
  });

  it('checks a target through its preview, asks metrics sources, and ends both with the Plan that asked', async () => {
    const answers = [0.25, 0.5];
    const metrics = createServer((_request, response) => void response.end(JSON.stringify({ value: answers.shift() ?? 1 })));
    await once(metrics.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(metrics.address() as AddressInfo).port}/`;
    await startHost();
    const [stable, target] = ['r1', 'r2'].map((tag) => run(['node', echo, '--tag', tag], { env: env() }));
    const says: Check = {
      name: 'says',
      type: 'functional',
      timeoutMs: 5_000,
      tool: 'echo',
      arguments: { id: '1' },
      expect: { contains: 'r2' },
    };
    const wrong: Check = { ...says, name: 'wrong', expect: { contains: 'r1' } };
    const health = { intervalMs: 30_000, failureThreshold: 3, successThreshold: 1, checks: [basic, says, wrong] };
    const base = planFor('echo', {
      instances: [planned('echo-1'), planned('echo-2', { revision: 'hash-b' })],
      route: { preview: 'hash-b', rollout: 1 },
      health,
      previewChecks: ['says', 'wrong'],
      measures: { intervalMs: 500, checks: [{ type: 'http', name: 'm', url, min: null, max: null, timeoutMs: 5_000 }] },
    });
    const revisions = { 'hash-a': { name: 'r1', hash: 'hash-a', run: stable! }, 'hash-b': { name: 'r2', hash: 'hash-b', run: target! } };
    link.send({ ...base, revisions });
    const preview = () => seen.get('echo')?.preview;
    const outcome = (name: string) => preview()?.checks.find((check) => check.name === name)?.outcome;
    await until('both checks have been answered', () => outcome('says') === 'pass' && outcome('wrong') === 'fail');
    expect(preview()!.revision).toBe('hash-b');
    await until('the second answer is there', () => seen.get('echo')?.metrics[0]?.value === 0.5);
    link.send({ ...base, revisions, generation: 2, route: { ...base.route!, preview: null }, previewChecks: null, measures: null });
    await until('nothing is asked any more', () => seen.get('echo')?.planGeneration === 2);
    expect(seen.get('echo')).toMatchObject({ preview: null, metrics: [] });
    metrics.close();
  });

  it('ends with everything it runs when its supervisor is gone', async () => {
    const { child } = await startHost();
    link.send(plan('echo', run(['node', echo], { env: env() })));
    await until('it is well', () => well('echo'));
    child.disconnect();
    await once(child, 'exit');
    expect(marked()).toEqual([]);
  });

  it('leaves what it ran when it is killed, and the next one ends that before it starts anything', async () => {
    const { child } = await startHost();
    link.send(plan('echo', run(['node', echo], { env: env() })));
    link.send(plan('leaver', processRun('leaver', [], { env: env() })));
    await until('echo is well', () => well('echo'));
    await until('the leaver has left a child', () => marked().length === 3);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(join(dataDir, 'instances')).sort()).toEqual(['echo-1.json', 'leaver-1.json']);
    await startHost();
    expect(marked()).toEqual([]);
    expect(new Set(connections).size).toBe(2);
    expect(seen.size).toBe(0);
    // The same Plan, the same Instance, once more.
    link.send(plan('echo', run(['node', echo], { env: env() })));
    await until('echo is well again', () => well('echo'));
    expect(marked()).toHaveLength(1);
  });

  it('moves a running Instance to the Plan of its Service under another name, without a restart', async () => {
    await startHost();
    const echoRun = run(['node', echo], { env: env() });
    link.send(plan('echo', echoRun));
    await until('it is well', () => well('echo'));
    const { pid } = seen.get('echo')!.instances[0]!;
    link.send(plan('renamed', echoRun, { instances: ['echo-1'] }));
    link.forget('echo');
    await until('it is seen under the new name', () => well('renamed'));
    expect(seen.get('renamed')!.instances[0]!.pid).toBe(pid);
    expect(marked()).toEqual([pid]);
  });

  it('says how an Instance ended that was killed', async () => {
    await startHost();
    link.send(plan('echo', run(['node', echo], { env: env() })));
    await until('it is well', () => well('echo'));
    process.kill(seen.get('echo')!.instances[0]!.pid!, 'SIGKILL');
    await until('it is seen as ended', () => seen.get('echo')!.instances[0]!.phase === 'ended');
    expect(seen.get('echo')!.instances[0]!.end).toMatchObject({ code: 'Exited', signal: 'SIGKILL' });
  });
});
