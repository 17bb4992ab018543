/** A process runtime in a data directory of its own, runs of the misbehaving fixture, and what /proc says of them. */
import fs, { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessRun } from '../../src/model/revision.ts';
import type { LineChannel, RunningInstance, Runtime, StartRequest } from '../../src/ports/runtime.ts';
import { systemClock } from '../../src/processes/clock.ts';
import type { LogLimits } from '../../src/runtimes/instance-log.ts';
import { createProcessRuntime } from '../../src/runtimes/process.ts';

const fixture = join(import.meta.dirname, '../fixtures/processes/misbehave.mjs');

export function processRun(mode: string, args: readonly string[] = [], changes: Partial<ProcessRun> = {}): ProcessRun {
  return {
    runtime: 'process',
    transport: 'stdio',
    command: ['node', fixture, mode, ...args],
    cwd: tmpdir(),
    env: {},
    port: null,
    path: '/mcp',
    isolation: 'shared',
    sandbox: 'basic',
    exclusive: false,
    maxMessageBytes: 1 << 20,
    ...changes,
  };
}

export function httpRun(mode: string, args: readonly string[], port: ProcessRun['port'] = 'auto'): ProcessRun {
  return processRun(mode, args, { transport: 'http', port });
}

export class World {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'fairlead-runtimes-'));
  readonly runtime: Runtime;
  readonly #running: RunningInstance[] = [];

  constructor(logLimits: Partial<LogLimits> = {}, clock = systemClock) {
    this.runtime = createProcessRuntime({ dataDir: this.dataDir, clock, logLimits });
  }

  async start(run: ProcessRun, changes: Partial<StartRequest> = {}): Promise<RunningInstance> {
    const revision = { name: 'subject-00000000', hash: '0'.repeat(64), run };
    const request = { instanceId: 'subject-00000000-0-1', service: 'subject', revision, startTimeoutMs: 10_000, stopTimeoutMs: 900 };
    const running = await this.runtime.start({ ...request, ...changes });
    this.#running.push(running);
    return running;
  }

  /** Ids that a record is kept of. */
  records(): string[] {
    return readdirSync(join(this.dataDir, 'instances')).map((name) => name.replace(/\.json$/, ''));
  }

  logPath(instanceId = 'subject-00000000-0-1'): string {
    return join(this.dataDir, 'logs/subject', `${instanceId}.log`);
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.stop(300)));
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

export function channelOf(running: RunningInstance): LineChannel {
  if (running.endpoint.kind !== 'stdio') throw new Error('no stdio endpoint');
  return running.endpoint.channel;
}

/** The first JSON value that the process says. */
export function firstWord<Value>(running: RunningInstance): Promise<Value> {
  return new Promise((resolve, reject) => {
    const channel = channelOf(running);
    channel.onLine((line) => resolve(JSON.parse(line.toString('utf8')) as Value));
    channel.onClose(() => reject(new Error('it said nothing')));
  });
}

/** While `work` runs no file or folder of that path can be removed, as if something were mounted there. */
export async function withoutRemoval(part: string, work: () => Promise<void>): Promise<void> {
  const original = fs.rmSync;
  fs.rmSync = (path, options) => {
    if (String(path).includes(part)) throw Object.assign(new Error(`EBUSY: ${String(path)}`), { code: 'EBUSY' });
    original(path, options);
  };
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    fs.rmSync = original;
    syncBuiltinESMExports();
  }
}

/** Whether a process lives; a zombie does not. */
export function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** Polls until `condition` holds; rejects after a minute. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
