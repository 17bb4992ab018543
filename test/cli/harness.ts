/** Runs command lines in this process against a fake ReadModel behind the real status API, with a fake admin and supervisor. */
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandKind } from '../../src/model/command.ts';
import type { AdminClient, Parts, SupervisorEvent, UpSettings } from '../../src/cli/context.ts';
import { run } from '../../src/cli/main.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { inColour, plain } from '../../src/cli/view/paint.ts';
import type { Applied, Declared, LockReport, PlanReport } from '../../src/ports/admin.ts';
import { createStatusApi, type StatusApi } from '../../src/status-api/server.ts';
import { fakeReadModel, fakeToolNames, startAt, type FakeReadModel } from '../fixtures/read-model.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly done: Promise<Ran>;
  out(): string;
  err(): string;
  /** Ends following verbs. */
  abort(): void;
  /** Ctrl-C. */
  interrupt(): void;
  /** Resolves once stdout or stderr holds the text. */
  says(text: string): Promise<void>;
}

export interface Options {
  readonly interactive?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly colour?: boolean;
  readonly input?: string;
  /** The working directory; that of the harness unless told otherwise. */
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly now?: () => number;
}

export class Harness {
  readonly model: FakeReadModel = fakeReadModel();
  readonly folder = mkdtempSync(join(tmpdir(), 'fairlead-cli-'));
  /** Calls of the admin, in order: method and arguments. */
  readonly asked: [string, ...unknown[]][] = [];
  /** What `plan` answers. */
  report: PlanReport = { token: 'tok-1', changes: [], issues: [], pruneHeld: [] };
  /** What `planLock` answers. */
  lockReport: LockReport = { token: 'tok-2', source: 'folder', changes: [], same: [], skipped: [] };
  /** What `apply`, `undo` and `lock` answer. */
  applied: Applied = {
    snapshot: appliedSnapshot,
    changes: [{ service: 'files', action: 'update', specHash: 'applied' }],
    files: ['files.yaml'],
    proposed: null,
  };
  /** What `declared` answers. */
  declared: Declared = { kind: 'unknown' };
  /** Makes admin methods throw. */
  refuse: Error | null = null;
  /** What happens when something is applied. */
  onApply: () => void = () => {};
  /** What the heart makes of a Command; it says that it was taken unless told otherwise. */
  onCommand: (service: string, kind: CommandKind) => void = (service, kind) =>
    void this.model.happen({ service, reason: `Taken-${kind}`, actor: 'uid:1000' });
  supervised: { settings: UpSettings; emit(event: SupervisorEvent): void; end(code: number): void; stops: number } | null = null;
  /** Bodies that the gateway's call route got, and what it answers. */
  readonly calls: { path: string; body: unknown }[] = [];
  callAnswer: { status: number; body: unknown } = { status: 200, body: { content: [{ type: 'text', text: 'hello' }] } };
  url = '';
  #api: StatusApi | null = null;
  #gateway: Server | null = null;

  async start(): Promise<void> {
    this.#api = createStatusApi({ readModel: this.model, host: '127.0.0.1', port: 0, toolNames: fakeToolNames });
    this.url = (await this.#api.listen()).url;
    this.#gateway = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        this.calls.push({ path: request.url!, body: JSON.parse(text || 'null') as unknown });
        response.writeHead(this.callAnswer.status, { 'content-type': 'application/json' }).end(JSON.stringify(this.callAnswer.body));
      });
    });
    await new Promise<void>((resolve) => this.#gateway!.listen(0, '127.0.0.1', resolve));
    const { port } = this.#gateway.address() as { port: number };
    const socket = join(this.folder, 'admin.sock');
    writeFileSync(socket, '', { mode: 0o600 });
    this.model.facts = {
      ...this.model.facts,
      dataDir: this.folder,
      adminSocket: socket,
      gatewayUrl: `http://127.0.0.1:${port}`,
      statusUrl: this.url,
    };
  }

  async stop(): Promise<void> {
    await this.#api?.close();
    await new Promise((resolve) => (this.#gateway === null ? resolve(null) : this.#gateway.close(resolve)));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Writes a file into the working directory of the command lines. */
  file(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text);
    return name;
  }

  /** Lays a symbolic link there. */
  link(name: string, target: string): void {
    symlinkSync(target, join(this.folder, name));
  }

  async run(...argv: string[]): Promise<Ran> {
    return this.begin(argv, {}).done;
  }

  async runWith(options: Options, ...argv: string[]): Promise<Ran> {
    return this.begin(argv, options).done;
  }

  follow(...argv: string[]): Running {
    return this.begin(argv, {});
  }

  followWith(options: Options, ...argv: string[]): Running {
    return this.begin(argv, options);
  }

  private begin(argv: string[], options: Options): Running {
    let out = '';
    let err = '';
    const abort = new AbortController();
    const interrupts = new Set<(signal: string) => void>();
    const paint = options.colour ? inColour : plain;
    const terminal: Terminal = {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      paint,
      errPaint: paint,
      interactive: options.interactive ?? false,
      columns: options.columns ?? 120,
      rows: options.rows ?? 60,
      env: { FAIRLEAD_SERVER: this.url, ...options.env },
      cwd: options.cwd ?? this.folder,
      signal: abort.signal,
      now: options.now ?? (() => startAt + 60_000),
      readInput: async () => options.input ?? '',
      onInterrupt: (callback) => {
        interrupts.add(callback);
        return () => interrupts.delete(callback);
      },
    };
    const done = run(argv, terminal, this.#parts()).then((code) => ({ code, out, err }));
    return {
      done,
      out: () => out,
      err: () => err,
      abort: () => abort.abort(),
      interrupt: () => interrupts.forEach((callback) => callback('SIGINT')),
      says: async (text) => {
        for (let left = 500; !(out + err).includes(text); left--) {
          if (left === 0) throw new Error(`it never said ${JSON.stringify(text)}, but:\n${out}\n${err}`);
          await sleep(20);
        }
      },
    };
  }

  #parts(): Parts {
    const ask =
      <Answer>(method: string, answer: (...args: unknown[]) => Answer) =>
      async (...args: unknown[]): Promise<Answer> => {
        this.asked.push([method, ...args]);
        if (this.refuse !== null) throw this.refuse;
        return answer(...args);
      };
    const admin: AdminClient = {
      command: ask('command', (service, kind) => this.onCommand(String(service), kind as CommandKind)),
      reconcile: ask('reconcile', () => undefined),
      suspendSource: ask('suspendSource', () => undefined),
      plan: ask('plan', () => this.report),
      declared: ask('declared', () => this.declared),
      apply: ask('apply', () => (this.onApply(), this.applied)),
      undo: ask('undo', () => (this.onApply(), this.applied)),
      planLock: ask('planLock', () => this.lockReport),
      lock: ask('lock', () => this.applied),
      backup: ask('backup', () => undefined),
      stop: ask('stop', () => undefined),
    };
    return {
      connectAdmin: async () => admin,
      supervise: async (settings, onEvent) => {
        const ended = Promise.withResolvers<number>();
        const supervised = { settings, emit: onEvent, end: ended.resolve, stops: 0 };
        this.supervised = supervised;
        return {
          ended: ended.promise,
          stop: async () => {
            supervised.stops++;
            ended.resolve(0);
            await ended.promise;
          },
        };
      },
    };
  }
}

export const appliedSnapshot = 'e1'.repeat(32);
