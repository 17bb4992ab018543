/**
 * The Runtime of processes on this machine: finds a port, launches, waits until there is something to shake hands with.
 * Whatever fails on the way leaves nothing running behind.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirOf } from '../base/data-dir.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import type { InstanceEnd } from '../model/observation.ts';
import type { ProcessRun } from '../model/revision.ts';
import type { Clock } from '../ports/clock.ts';
import type { Endpoint, RunningInstance, Runtime, StartRequest } from '../ports/runtime.ts';
import { InstanceLog, pruneLogs, type LogLimits } from './instance-log.ts';
import { launchOf, usesDir } from './launch.ts';
import { ManagedProcess } from './managed-process.ts';
import { accepts, holderOf, isFree, Ports } from './ports.ts';
import { listenersOn } from './proc.ts';
import { ProcessRecords } from './process-records.ts';
import { removeWorkFolder, workFolderOf } from './work-folder.ts';

export interface ProcessRuntimeOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logLimits?: Partial<LogLimits>;
}

/** Waits between two looks at whether a port accepts: short at first, since most services are up within half a second. */
const readinessPollMs = { first: 20, longest: 200 };
const connectTimeoutMs = 1_000;

/** The `process` Runtime. One of them serves a Host; it keeps its records, logs and work folders in the data directory. */
export function createProcessRuntime(options: ProcessRuntimeOptions): Runtime {
  return new ProcessRuntime(options);
}

class ProcessRuntime implements Runtime {
  readonly name = 'process';
  readonly #options: ProcessRuntimeOptions;
  readonly #records: ProcessRecords;
  readonly #ports = new Ports(process.pid * 37);

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    this.#records = new ProcessRecords(options.dataDir);
  }

  async start(request: StartRequest): Promise<RunningInstance> {
    const { run } = request.revision;
    if (run.runtime !== 'process') throw new FairleadError('Internal', `the process runtime was given a ${run.runtime} run`);
    const folder = join(dataDirOf(this.#options.dataDir).logs, request.service);
    void pruneLogs(folder);
    const log = new InstanceLog(join(folder, `${request.instanceId}.log`), this.#options.logLimits);
    try {
      return await this.#startWith(request, run, log, request.instanceId);
    } catch (thrown) {
      await log.close();
      throw thrown;
    }
  }

  /** `id`: the Instance's, or that of one more process of it for one session. */
  async #startWith(request: StartRequest, run: ProcessRun, log: InstanceLog, id: string): Promise<RunningInstance> {
    const main = id === request.instanceId;
    const port = await this.#portFor(run);
    const dir = workFolderOf(this.#options.dataDir, id);
    const letGo = (): void => {
      if (port !== null && run.port === 'auto') this.#ports.release(port);
      removeWorkFolder(this.#options.dataDir, id);
    };
    let managed: ManagedProcess | null = null;
    try {
      if (usesDir(run)) mkdirSync(dir, { recursive: true });
      managed = await ManagedProcess.spawn({
        id,
        service: request.service,
        launch: launchOf(run, { id, port, dir, marker: this.#records.markerOf(id) }),
        stdio: run.transport === 'stdio',
        maxMessageBytes: run.maxMessageBytes,
        stopTimeoutMs: request.stopTimeoutMs,
        log,
        records: this.#records,
        clock: this.#options.clock,
      });
      const endpoint = await this.#endpointOf(managed, run, port, request);
      return this.#running({ request, run, log, managed, endpoint, port, letGo, main });
    } catch (thrown) {
      await managed?.stop();
      letGo();
      throw withOutput(thrown, managed);
    }
  }

  #running(parts: {
    request: StartRequest;
    run: ProcessRun;
    log: InstanceLog;
    managed: ManagedProcess;
    endpoint: Endpoint;
    port: number | null;
    letGo: () => void;
    main: boolean;
  }): RunningInstance {
    const { request, run, log, managed, endpoint, port, letGo, main } = parts;
    const sessions = new Set<RunningInstance>();
    let stopped = false;
    let spawned = 0;
    const stopSessions = async (timeoutMs?: number): Promise<void> => {
      stopped = true;
      await Promise.all([...sessions].map((session) => session.stop(timeoutMs)));
    };
    const ended = managed.ended.then(async (end) => {
      await stopSessions();
      letGo();
      if (main) await log.close();
      return end;
    });
    const spawnForSession = async (): Promise<RunningInstance> => {
      if (stopped) throw new FairleadError('UpstreamLost', `${request.instanceId} is being stopped.`, { data: { written: false } });
      spawned++;
      const session = await this.#startWith(request, run, log, `${request.instanceId}.${spawned}`);
      sessions.add(session);
      void session.ended.then(() => sessions.delete(session));
      if (stopped) await session.stop();
      return session;
    };
    return {
      pid: managed.pid,
      port,
      endpoint,
      ...(main && run.isolation === 'session' && typeof run.port !== 'number' ? { spawnForSession } : {}),
      ended,
      stderrTail: () => managed.stderrTail(),
      stop: async (timeoutMs) => {
        await Promise.all([managed.stop(timeoutMs), stopSessions(timeoutMs)]);
        await ended;
      },
    };
  }

  async #portFor(run: ProcessRun): Promise<number | null> {
    if (run.transport === 'stdio' || run.port === null) return null;
    if (run.port === 'auto') {
      const port = await this.#ports.take();
      if (port === null) throw new FairleadError('StartFailed', 'There is no free port left for it.');
      return port;
    }
    if (!(await isFree(run.port))) throw await portTaken(run.port);
    return run.port;
  }

  async #endpointOf(managed: ManagedProcess, run: ProcessRun, port: number | null, request: StartRequest): Promise<Endpoint> {
    if (run.transport === 'stdio') return { kind: 'stdio', channel: managed.channel! };
    if (port === null) throw new FairleadError('StartFailed', 'A service over HTTP needs a port.');
    const host = await this.#untilAccepting(managed, port, request);
    return { kind: run.transport, url: `http://${host}:${port}${run.path}`, headers: {} };
  }

  /** The address that accepts, once it is the service itself that does. */
  async #untilAccepting(managed: ManagedProcess, port: number, { startTimeoutMs, signal }: StartRequest): Promise<string> {
    const { clock } = this.#options;
    const deadlineMs = clock.elapsedMs() + startTimeoutMs;
    let over: InstanceEnd | null = null;
    const ended = managed.ended.then((end) => (over = end));
    let delayMs = readinessPollMs.first;
    for (;;) {
      if (signal?.aborted) throw new FairleadError('Cancelled', 'It is no longer wanted.');
      // A service that ends because its port went to somebody else says so in its own words only; we look.
      if (over !== null) throw (await isFree(port)) ? exitedEarly(over) : await portTaken(port);
      for (const host of ['127.0.0.1', '[::1]']) {
        if (!(await accepts(host.replace(/[[\]]/g, ''), port, connectTimeoutMs))) continue;
        if (await isOthers(managed, port)) throw await portTaken(port);
        return host;
      }
      if (clock.elapsedMs() >= deadlineMs)
        throw new FairleadError('HandshakeTimeout', `It did not accept connections on port ${port} within ${startTimeoutMs} ms.`);
      await Promise.race([ended, new Promise<void>((resolve) => clock.after(delayMs, resolve))]);
      delayMs = Math.min(delayMs * 1.5, readinessPollMs.longest);
    }
  }
}

/** Whether the port is known to be held by a process that is none of the Instance's. */
async function isOthers(managed: ManagedProcess, port: number): Promise<boolean> {
  // Nearly always the process itself listens, which is seen without a look at every process of the machine.
  if (((await listenersOn(port, new Set([managed.pid])))?.pids ?? []).length > 0) return false;
  const members = new Set((await managed.members()).map(({ pid }) => pid));
  const own = await listenersOn(port, members);
  if (own === null || own.pids.length > 0) return false;
  return ((await listenersOn(port))?.pids ?? []).some((pid) => !members.has(pid));
}

async function portTaken(port: number): Promise<FairleadError> {
  return new FairleadError('PortTaken', `Port ${port} is in use by ${await holderOf(port)}.`, { data: { port } });
}

function exitedEarly({ message, exitCode, signal }: InstanceEnd): FairleadError {
  return new FairleadError('ExitedEarly', message, { data: { exitCode, signal } });
}

/** The error with the last lines of stderr, where there was a process. What the system refuses (no room, no file left) is StartFailed. */
function withOutput(thrown: unknown, managed: ManagedProcess | null): FairleadError {
  const error = thrown instanceof FairleadError ? thrown : new FairleadError('StartFailed', messageOf(thrown), { cause: thrown });
  if (managed === null) return error;
  return new FairleadError(error.code, error.message, { cause: error.cause, data: { ...error.data, stderrTail: managed.stderrTail() } });
}
