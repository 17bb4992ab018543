/** One process under the supervisor: started, started again with back-off when it ends, stopped for good. */
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { FairleadError, messageOf } from '../base/error.ts';
import type { FromChild, ToChild } from './child.ts';
import type { ProcessSettings } from './settings.ts';

export interface SupervisedListener {
  started(pid: number): void;
  ready(url: string): void;
  /** It ended by itself. Awaited before it is started again. `restartInMs` is null when it never came up: that is the end. */
  exited(reason: string, restartInMs: number | null): Promise<void>;
  /** It could not start, the first time: nothing is tried again. */
  failed(error: FairleadError): void;
  stopEverything(): void;
}

const firstBackoffMs = 100;
const longestBackoffMs = 5_000;
/** Up for this long, it is taken to be well: the back-off begins anew. */
const wellAfterMs = 30_000;
/** A log of an earlier run that is larger makes way. */
const longestLogBytes = 10 * 1024 * 1024;

export class Supervised {
  readonly #entry: string;
  readonly #logFile: string;
  readonly #settings: () => ProcessSettings;
  readonly #listener: SupervisedListener;
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #backoffMs = firstBackoffMs;
  #everReady = false;
  #failure: FairleadError | null = null;
  #stopping = false;
  #gone = Promise.withResolvers<void>();

  /** `settings` is asked before each start; `entry` is the file that the process runs. */
  constructor(entry: string, logFile: string, settings: () => ProcessSettings, listener: SupervisedListener) {
    this.#entry = entry;
    this.#logFile = logFile;
    this.#settings = settings;
    this.#listener = listener;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): void {
    this.#timer = null;
    this.#failure = null;
    this.#gone = Promise.withResolvers();
    const startedAt = performance.now();
    let over = false;
    const end = (reason: string): void => {
      if (over) return;
      over = true;
      this.#child = null;
      this.#gone.resolve();
      if (!this.#stopping) void this.#ended(reason, performance.now() - startedAt);
    };
    const child = this.#fork(end);
    if (child === null) return;
    this.#child = child;
    child.on('message', (message: FromChild) => this.#heard(message));
    child.on('error', (error) => {
      if (child.pid === undefined) end(error.message);
    });
    child.on('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    if (child.pid !== undefined) this.#listener.started(child.pid);
    this.send({ kind: 'start', settings: this.#settings() });
  }

  /** fork hands on execPath and execArgv: the child runs from source or from the bundle as we do. */
  #fork(end: (reason: string) => void): ChildProcess | null {
    const log = openLog(this.#logFile);
    try {
      return fork(this.#entry, [], { stdio: ['ignore', log, log, 'ipc'] });
    } catch (thrown) {
      queueMicrotask(() => end(messageOf(thrown)));
      return null;
    } finally {
      if (typeof log === 'number') closeSync(log);
    }
  }

  send(message: ToChild): void {
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  /** Whenever it ends from here on, it is not started again. */
  retire(): void {
    this.#stopping = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Asks it to end, kills it after `graceMs`; resolves when it is gone. Called again it only hurries. */
  async stop(graceMs: number, hurry: boolean): Promise<void> {
    this.retire();
    const child = this.#child;
    if (child === null) return;
    this.send({ kind: 'stop', hurry });
    const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#gone.promise;
    clearTimeout(killer);
  }

  #heard(message: FromChild): void {
    if (message.kind === 'ready') {
      this.#everReady = true;
      this.#listener.ready(message.url);
    } else if (message.kind === 'failed') {
      this.#failure = new FairleadError(message.code, message.message, { data: { ...message.data } });
    } else {
      this.#listener.stopEverything();
    }
  }

  async #ended(reason: string, upMs: number): Promise<void> {
    if (!this.#everReady) {
      await this.#listener.exited(this.#failure?.message ?? reason, null);
      const log = `It ended before it was ready (${reason}); its log is ${this.#logFile}.`;
      this.#listener.failed(this.#failure ?? new FairleadError('Internal', log));
      return;
    }
    if (upMs >= wellAfterMs) this.#backoffMs = firstBackoffMs;
    const restartInMs = this.#backoffMs;
    this.#backoffMs = Math.min(this.#backoffMs * 2, longestBackoffMs);
    await this.#listener.exited(this.#failure?.message ?? `${reason}; its log is ${this.#logFile}`, restartInMs);
    if (!this.#stopping) this.#timer = setTimeout(() => this.start(), restartInMs);
  }
}

/** Without room for a log a process runs without one. */
function openLog(path: string): number | 'ignore' {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > longestLogBytes) renameSync(path, `${path}.1`);
    return openSync(path, 'a', 0o600);
  } catch {
    return 'ignore';
  }
}
