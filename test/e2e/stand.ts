/**
 * A whole Fairlead in a folder of its own for one test or chaos run: real supervisor, controller, host and services, on ports
 * of its own, over a folder of echo services or over whatever a `fairlead.yaml` names. `stop` proves that no process is left.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import type { ResourceList, ServiceResource } from '../../src/model/resource.ts';
import type { Aim } from './load.ts';

const root = join(import.meta.dirname, '../..');
const launcher = join(root, 'bin/fairlead.cjs');
const fixture = join(root, 'test/fixtures/echo-server.ts');

/** Leaves no idle connection behind: the status API would keep it for more than a minute, and the readings of descriptors would count it. */
const polling = new Agent({ pipelining: 0 });

/** Longest that is waited for something, in ms: nothing that is judged, only the end of what hangs, on a machine that is busy, too. */
const patienceMs = 180_000;

/** run.json; null while a process is down or has not said yet where it listens. */
interface RunFile {
  readonly supervisorPid: number;
  readonly controllerPid: number | null;
  readonly hostPid: number | null;
  readonly gatewayUrl: string | null;
  readonly statusUrl: string | null;
}

/** How an echo service is declared; `mode` as in the fixture, or a command that does not exist. */
export interface EchoSpec {
  readonly name: string;
  readonly transport: 'stdio' | 'http';
  readonly tag: string;
  readonly mode?: 'ok' | 'hang' | 'exit' | 'unwell' | 'slow' | 'breaking' | 'errors' | 'sluggish' | 'no-such-command';
  readonly replicas?: number;
  /** `spec.migration`, and what else of `spec.limits` than usual. */
  readonly migration?: object;
  readonly limits?: object;
}

/** Where a Stand keeps its things. */
interface Place {
  readonly dir: string;
  readonly manifests: string;
  /** The echo services' own logs. */
  readonly logDir: string;
  readonly dataDir: string;
}

export class Stand {
  readonly dir: string;
  readonly manifests: string;
  readonly logDir: string;
  readonly dataDir: string;
  readonly #supervisor: ChildProcess;
  #output = '';

  private constructor(place: Place, args: readonly string[], secrets: Readonly<Record<string, string>> = {}) {
    ({ dir: this.dir, manifests: this.manifests, logDir: this.logDir, dataDir: this.dataDir } = place);
    const supervisor = spawn(process.execPath, [launcher, 'up', ...args], {
      cwd: this.dir,
      env: { ...process.env, ...secrets },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#supervisor = supervisor;
    for (const stream of [supervisor.stdout, supervisor.stderr])
      stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString('utf8')));
  }

  /** Declares the services and starts Fairlead; resolves once all of them are Active. */
  static async start(specs: readonly EchoSpec[]): Promise<Stand> {
    const place = newPlace('manifests/.fairlead');
    const { manifests, logDir } = place;
    for (const spec of specs) writeFileSync(join(manifests, `${spec.name}.yaml`), manifestOf(spec, logDir));
    const stand = new Stand(place, [manifests, ...(await listeners())]);
    return stand.#once(() => stand.untilActive(specs.map((spec) => spec.name)));
  }

  /**
   * Starts Fairlead with a `fairlead.yaml` of that `spec`, and the secrets that it refers to in the environment; resolves once
   * the status API answers.
   */
  static async follow(spec: object, secrets: Readonly<Record<string, string>>): Promise<Stand> {
    const place = newPlace('.fairlead');
    const manifest = { apiVersion: 'fairlead.dev/v1alpha1', kind: 'Controller', spec };
    writeFileSync(join(place.dir, 'fairlead.yaml'), JSON.stringify(manifest));
    const stand = new Stand(place, ['-c', 'fairlead.yaml', ...(await listeners())], secrets);
    return stand.#once(() => stand.until('the status API answers', () => true));
  }

  /** Itself, once that has come about; ended when it has not. */
  async #once(begun: () => Promise<unknown>): Promise<Stand> {
    try {
      await begun();
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** What Fairlead has printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Writes a service's manifest as a careful editor does: beside it, then renamed over it. */
  declare(spec: EchoSpec): void {
    const staged = join(this.dir, `${spec.name}.staged`);
    writeFileSync(staged, manifestOf(spec, this.logDir));
    renameSync(staged, join(this.manifests, `${spec.name}.yaml`));
  }

  /** Who runs and where, as last written; null while it is being replaced. */
  runFile(): RunFile | null {
    try {
      return JSON.parse(readFileSync(join(this.dataDir, 'run.json'), 'utf8')) as RunFile;
    } catch {
      return null;
    }
  }

  /** Sessions at the per-service and the common endpoint, in turn over the services. */
  aims(count: number, services: readonly string[]): Aim[] {
    const base = this.runFile()!.gatewayUrl!.replace(/\/(mcp)?$/, '');
    return Array.from({ length: count }, (_, index) => {
      const service = services[index % services.length]!;
      return Math.floor(index / services.length) % 2 === 0
        ? { url: `${base}/services/${service}/mcp`, service, tool: 'echo' }
        : { url: `${base}/mcp`, service, tool: `${service}__echo` };
    });
  }

  /** The services as the status API shows them; null while it does not answer. */
  async services(): Promise<ReadonlyMap<string, ServiceResource> | null> {
    const url = this.runFile()?.statusUrl ?? null;
    if (url === null) return null;
    try {
      const answer = await fetch(new URL('/api/v1/services', url), { dispatcher: polling, signal: AbortSignal.timeout(5_000) });
      const list = (await answer.json()) as ResourceList<ServiceResource>;
      return new Map(list.items.map((item) => [item.metadata.name, item]));
    } catch {
      return null;
    }
  }

  /** One service as the status API shows it; null while it does not answer. */
  async service(name: string): Promise<ServiceResource | null> {
    const url = this.runFile()?.statusUrl ?? null;
    if (url === null) return null;
    try {
      const answer = await fetch(new URL(`/api/v1/services/${name}`, url), { dispatcher: polling, signal: AbortSignal.timeout(5_000) });
      return answer.ok ? ((await answer.json()) as ServiceResource) : null;
    } catch {
      return null;
    }
  }

  /** Polls until the services are as wanted; rejects with what they are when that takes longer than `timeoutMs`. */
  async until(
    what: string,
    wanted: (services: ReadonlyMap<string, ServiceResource>) => boolean,
    timeoutMs = patienceMs,
  ): Promise<ReadonlyMap<string, ServiceResource>> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const services = await this.services();
      if (services !== null && wanted(services)) return services;
      if (performance.now() > deadline || this.#supervisor.exitCode !== null) {
        const now = [...(services ?? [])].map(([name, { status }]) => `${name}: ${JSON.stringify(summaryOf(status))}`);
        throw new Error(`waited in vain until ${what}\n${now.join('\n')}\n${this.#output.slice(-4_000)}`);
      }
      await pause(50);
    }
  }

  async untilActive(names: readonly string[], timeoutMs = patienceMs): Promise<ReadonlyMap<string, ServiceResource>> {
    return this.until(
      `${names.join(', ')} Active`,
      (services) =>
        names.every((name) => {
          const status = services.get(name)?.status;
          return status?.state === 'Active' && status.rollout === null && status.readyInstances === status.replicas;
        }),
      timeoutMs,
    );
  }

  /** The number of the service's latest Rollout that has ended; 0 when none has. */
  async lastRollout(name: string): Promise<number> {
    const services = await this.until(`${name} shows`, (all) => all.has(name));
    return services.get(name)!.status.history[0]?.number ?? 0;
  }

  /** Runs the command line against this Fairlead. */
  async cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [launcher, ...args, '--server', this.runFile()!.statusUrl!], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout, stderr };
  }

  /** Pids of the echo services that live, by their command lines, which name this stand's folder. */
  servicePids(): number[] {
    return processesNaming(this.logDir);
  }

  /** Interrupts it as Ctrl-C does and waits for its end; rejects when it does not end in time. Returns what is left running. */
  async stop(): Promise<{ code: number | null; left: number[] }> {
    const ended = this.#supervisor.exitCode === null ? once(this.#supervisor, 'exit') : Promise.resolve([this.#supervisor.exitCode]);
    this.#supervisor.kill('SIGINT');
    const [code] = (await Promise.race([ended, pause(patienceMs).then(() => ['late'])])) as [number | null | 'late'];
    const left = processesNaming(this.dir);
    for (const pid of left) killHard(pid);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    if (code === 'late') throw new Error(`still running ${patienceMs / 1_000} s after SIGINT\n${this.#output.slice(-4_000)}`);
    return { code, left };
  }
}

export function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it was gone already
  }
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** A manifest of an echo service, with a functional check that only a well one passes. */
export function manifestOf({ name, transport, tag, mode = 'ok', replicas, migration, limits }: EchoSpec, logDir: string): string {
  const command = mode === 'no-such-command' ? [join(logDir, 'no-such-command')] : [process.execPath, fixture];
  const args = ['--service', name, '--tag', tag, '--log', logDir, '--transport', transport, '--mode', mode];
  if (transport === 'http') args.push('--port', '${instance.port}');
  return JSON.stringify({
    apiVersion: 'fairlead.dev/v1alpha1',
    kind: 'Service',
    metadata: { name },
    spec: {
      type: 'server',
      transport,
      run: { command, args },
      // Where nothing hangs no limit is to be reached, on a machine that is busy, too.
      limits: { startTimeout: mode === 'hang' ? '2s' : '90s', stopTimeout: '5s', drainTimeout: '10s', callTimeout: '120s', ...limits },
      ...(replicas === undefined ? {} : { replicas }),
      ...(migration === undefined ? {} : { migration }),
      health: {
        interval: '2s',
        checks: [{ name: 'well', type: 'functional', tool: 'check', arguments: {}, expect: { contains: 'all fine' } }],
      },
    },
  });
}

/** Live processes (zombies apart) whose command line or environment names `text`, this process excluded. */
function processesNaming(text: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => {
      try {
        const told = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
        return told.includes(text) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      } catch {
        return false;
      }
    })
    .map(Number);
}

function summaryOf(status: ServiceResource['status']): object {
  const { state, health, stable, target, rollout, readyInstances, conditions } = status;
  const instances = status.instances.map(({ name, phase, pid, end }) => `${name} ${phase} ${pid} ${end?.code ?? ''}`);
  return {
    state,
    health,
    stable,
    target,
    rollout,
    readyInstances,
    instances,
    conditions: conditions.map((item) => `${item.type}=${item.status}/${item.reason}`),
  };
}

function newPlace(dataDir: string): Place {
  const dir = mkdtempSync(join(tmpdir(), 'fairlead-stand-'));
  const place = { dir, manifests: join(dir, 'manifests'), logDir: join(dir, 'log'), dataDir: join(dir, dataDir) };
  mkdirSync(place.manifests);
  mkdirSync(place.logDir);
  return place;
}

async function listeners(): Promise<string[]> {
  return ['--gateway', `127.0.0.1:${await freePort()}`, '--status', `127.0.0.1:${await freePort()}`];
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
