/**
 * One operating system process of an Instance, from its spawn until nothing of it is left. Its record is on disk before it
 * exists and goes when it and everything it started are gone; `ended` resolves only then.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { FairleadError, messageOf } from '../base/error.ts';
import type { InstanceEnd } from '../model/observation.ts';
import type { Clock } from '../ports/clock.ts';
import type { Launch } from './launch.ts';
import { Tail, type InstanceLog } from './instance-log.ts';
import { startTicksOf, type ProcessFacts } from './proc.ts';
import type { ProcessRecords } from './process-records.ts';
import { membersOf, signal, type Tree } from './process-tree.ts';
import { StdioChannel } from './stdio-channel.ts';

export interface ManagedProcessOptions {
  readonly id: string;
  readonly service: string;
  readonly launch: Launch;
  /** Whether stdin and stdout carry MCP; otherwise stdin is closed and stdout is logged. */
  readonly stdio: boolean;
  readonly maxMessageBytes: number;
  readonly stopTimeoutMs: number;
  readonly log: InstanceLog;
  readonly records: ProcessRecords;
  readonly clock: Clock;
}

const pollMs = 20;
/** How long processes that were killed may take to vanish before they are given up; then their record stays. */
const killPatienceMs = 10_000;
/** How long output that was written before the end may take to be read. */
const flushMs = 500;

export class ManagedProcess {
  readonly ended: Promise<InstanceEnd>;
  readonly channel: StdioChannel | null;
  readonly pid: number;
  readonly #options: ManagedProcessOptions;
  readonly #child: ChildProcess;
  readonly #tree: Tree;
  readonly #tail = new Tail();
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #exited = false;
  #over = false;
  #stopping: Promise<void> | null = null;
  /** Why it was ended, when it was not its own doing. */
  #cause: { code: string; message: string } | null = null;

  /** Throws StartFailed with the reason of the operating system. */
  static async spawn(options: ManagedProcessOptions): Promise<ManagedProcess> {
    const { id, service, launch, stdio, records } = options;
    let child: ChildProcess | null = null;
    try {
      records.write({ id, service, pid: null, startTicks: null });
      child = spawn(launch.file, launch.args, {
        cwd: launch.cwd,
        env: launch.env,
        stdio: [stdio ? 'pipe' : 'ignore', 'pipe', 'pipe'],
        // A session and process group of its own: the terminal's Ctrl-C does not reach it, a signal to the group reaches all of it.
        detached: true,
      });
      const spawned = once(child, 'spawn');
      if (child.pid !== undefined) records.write({ id, service, pid: child.pid, startTicks: startTicksOf(child.pid) });
      await spawned;
    } catch (thrown) {
      // No process without a record: one that could not be written down is not kept.
      if (child?.pid !== undefined) signal(-child.pid, 'SIGKILL');
      records.remove(id);
      throw new FairleadError('StartFailed', `${launch.file} could not be started: ${messageOf(thrown)}`, {
        cause: thrown,
        data: { errno: (thrown as NodeJS.ErrnoException).code ?? null },
      });
    }
    return new ManagedProcess(child, options);
  }

  private constructor(child: ChildProcess, options: ManagedProcessOptions) {
    const { id, records, maxMessageBytes, log } = options;
    this.#child = child;
    this.#options = options;
    this.pid = child.pid!;
    this.#tree = { marker: records.markerOf(id), pid: this.pid, startTicks: startTicksOf(this.pid), known: new Map() };
    child.on('error', () => {});
    child
      .stderr!.on('error', () => {})
      .on('data', (chunk: Buffer) => {
        this.#tail.push(chunk);
        log.write(chunk);
      });
    this.channel = options.stdio
      ? new StdioChannel(child.stdin!, child.stdout!, maxMessageBytes, () => {
          this.#kill('MessageTooLarge', `It sent a message of more than ${maxMessageBytes} bytes.`);
        })
      : null;
    if (!options.stdio) child.stdout!.on('error', () => {}).on('data', (chunk: Buffer) => log.write(chunk));
    this.#exit =
      child.exitCode === null && child.signalCode === null
        ? new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
        : Promise.resolve({ code: child.exitCode, signal: child.signalCode });
    this.ended = this.#untilOver();
  }

  /** The last lines of stderr, at most 2 KiB. */
  stderrTail(): string {
    return this.#tail.text();
  }

  /** Every live process of it. */
  members(): Promise<ProcessFacts[]> {
    return membersOf(this.#tree);
  }

  /** Closes stdin, then SIGTERM, then SIGKILL, each to all of it, within `timeoutMs`; resolves when nothing is left. */
  stop(timeoutMs: number = this.#options.stopTimeoutMs): Promise<void> {
    if (this.#stopping === null) this.#stopping = this.#climbDown(timeoutMs);
    else if (!this.#over) this.#hurry(timeoutMs);
    return this.#stopping;
  }

  /** Somebody got impatient with a stop that is under way. */
  #hurry(timeoutMs: number): void {
    const callOff = this.#options.clock.after(timeoutMs, () => void this.#killAll());
    void this.ended.then(callOff);
  }

  async #climbDown(timeoutMs: number): Promise<void> {
    this.#cause ??= { code: 'Exited', message: 'It was stopped.' };
    const thirdMs = timeoutMs / 3;
    // Seen now, they are known later, also when their parents are gone.
    await this.members();
    if (this.channel !== null) {
      this.channel.endInput();
      if (await this.#goneWithin(thirdMs)) return void (await this.ended);
    }
    this.#signalRoot('SIGTERM');
    for (const { pid } of await this.members()) if (pid !== this.pid) signal(pid, 'SIGTERM');
    if (!(await this.#goneWithin(this.channel === null ? 2 * thirdMs : thirdMs))) await this.#killAll();
    await this.ended;
  }

  /** Ends it at once, for a reason that is not its own. */
  #kill(code: string, message: string): void {
    this.#cause ??= { code, message };
    this.#stopping ??= this.#killAll().then(async () => void (await this.ended));
  }

  async #goneWithin(timeoutMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const deadlineMs = clock.elapsedMs() + timeoutMs;
    await new Promise<void>((resolve) => {
      const callOff = clock.after(timeoutMs, resolve);
      void this.#exit.then(() => {
        callOff();
        resolve();
      });
    });
    while (this.#exited) {
      if ((await this.members()).length === 0) return true;
      if (clock.elapsedMs() >= deadlineMs) break;
      await this.#wait(pollMs);
    }
    return false;
  }

  /** SIGKILL until nothing is left; false when something could not be killed. */
  async #killAll(): Promise<boolean> {
    const { clock } = this.#options;
    const deadlineMs = clock.elapsedMs() + killPatienceMs;
    for (;;) {
      const members = await this.members();
      if (members.length === 0 && this.#exited) return true;
      this.#signalRoot('SIGKILL');
      for (const { pid } of members) if (pid !== this.pid) signal(pid, 'SIGKILL');
      if (clock.elapsedMs() >= deadlineMs) return false;
      await this.#wait(pollMs);
    }
  }

  #signalRoot(name: NodeJS.Signals): void {
    if (this.#exited) return;
    // The negative pid is the group. It is ours for as long as its leader has not been waited for.
    signal(-this.pid, name);
    signal(this.pid, name);
  }

  async #untilOver(): Promise<InstanceEnd> {
    const { id, records, clock } = this.#options;
    const { code, signal } = await this.#exit;
    this.#exited = true;
    const at = clock.now();
    // What it leaves behind serves nobody. While it is being stopped, the ladder gives it time to end by itself.
    if (this.#stopping === null) await this.#killAll();
    else await this.#untilEmpty();
    await this.#flush();
    this.#over = true;
    if ((await this.members()).length === 0) records.remove(id);
    const said = signal === null ? `It exited with code ${code}.` : `It was ended by ${signal}.`;
    const cause = this.#cause ?? { code: 'Exited', message: said };
    return { ...cause, at, exitCode: code, signal, stderrTail: this.stderrTail() };
  }

  async #untilEmpty(): Promise<void> {
    const { clock, stopTimeoutMs } = this.#options;
    const deadlineMs = clock.elapsedMs() + stopTimeoutMs + killPatienceMs;
    while ((await this.members()).length > 0 && clock.elapsedMs() < deadlineMs) await this.#wait(pollMs);
  }

  /** Lets what it wrote before its end be read, then lets go of the pipes. */
  async #flush(): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.elapsedMs() + flushMs;
    const streams = [this.#child.stdout!, this.#child.stderr!].filter((stream) => stream.readableFlowing === true);
    while (streams.some((stream) => !stream.closed) && clock.elapsedMs() < deadlineMs) await this.#wait(pollMs);
    this.channel?.destroy();
    this.#child.stdout!.destroy();
    this.#child.stderr!.destroy();
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(delayMs, resolve));
  }
}
