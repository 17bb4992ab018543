/**
 * The Compiler port over a worker thread. A file that holds the worker up for longer than its deadline (or brings it down)
 * is condemned in that form: the worker is replaced, the file is answered with an Issue, all others compile.
 */
import { Worker } from 'node:worker_threads';
import { FairleadError } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import type { Provenance } from '../model/provenance.ts';
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import type { Snapshot, SnapshotFile } from '../model/snapshot.ts';
import type { Compilation, Compiler } from '../ports/compiler.ts';
import type { Answer, CompilationDelta, Delta, Request, SentFile, Task, WorkerData } from './protocol.ts';

export interface CompilerOptions {
  /** Longest that work on one file may take; 5 s unless told otherwise (an ordinary file takes about 1 ms). */
  readonly fileDeadlineMs?: number;
  /** Longest that a worker may take to load; 60 s unless told otherwise. */
  readonly startDeadlineMs?: number;
  /** The worker's module, when it does not stand beside this one. */
  readonly workerUrl?: URL;
}

/** Makes a Compiler. Its worker starts with the first request. */
export function createCompiler(options: CompilerOptions = {}): Compiler {
  return new ThreadCompiler(options);
}

/** The worker ended or was ended while it worked on the file of that number; 0: on none in particular. */
class WorkerLost extends Error {
  readonly fileNumber: number;
  constructor(fileNumber: number, message: string) {
    super(message);
    this.fileNumber = fileNumber;
  }
}

const heapLimitMb = 2048;

class ThreadCompiler implements Compiler {
  readonly #fileDeadlineMs: number;
  readonly #startDeadlineMs: number;
  readonly #workerUrl: URL;
  #worker: WorkerHandle | null = null;
  /** What the worker there is now has of the Snapshot: path → hash. */
  #synced = new Map<string, string>();
  #snapshot: Snapshot | null = null;
  /** Path → hash of the form in which it stalled. */
  readonly #condemned = new Map<string, string>();
  readonly #numbers = new Map<string, number>();
  #told = emptyTold();
  #last: Compilation | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: CompilerOptions) {
    this.#fileDeadlineMs = options.fileDeadlineMs ?? 5_000;
    this.#startDeadlineMs = options.startDeadlineMs ?? 60_000;
    // The suffix follows this module's own: .ts in development, .js once built.
    this.#workerUrl = options.workerUrl ?? new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
  }

  compile(snapshot: Snapshot): Promise<Compilation> {
    return this.#inTurn(async () => {
      const last = this.#last;
      const same = last?.snapshot === snapshot.id && this.#snapshot?.root === snapshot.root;
      this.#snapshot = snapshot;
      if (last !== null && same) return { ...last, changed: [] };
      const answer = await this.#ask(() => ({ kind: 'compile' }));
      if (answer.kind !== 'compilation') throw failure(answer);
      this.#last = this.#take(snapshot.id, answer.compilation);
      return this.#last;
    });
  }

  preview(files: Readonly<Record<string, string | null>>): Promise<Compilation> {
    return this.#inTurn(async () => {
      const written: { path: string; hash: string; bytes: Uint8Array }[] = [];
      const removed: string[] = [];
      for (const [path, text] of Object.entries(files)) {
        if (text === null) removed.push(path);
        else {
          const bytes = new TextEncoder().encode(text);
          written.push({ path, bytes, hash: sha256(bytes) });
        }
      }
      const answer = await this.#ask(() => ({ kind: 'preview', removed, files: written.map((file) => this.#toSend(file)) }));
      if (answer.kind !== 'compilation') throw failure(answer);
      const { changed, valid, invalid, issues, empty, doubtfulFiles } = answer.compilation;
      return {
        snapshot: `${this.#snapshot?.id ?? ''}+`,
        changed: changed.filter((service) => this.#told.services.get(service.name) !== identity(service)),
        valid: valid ?? [],
        invalid: invalid ?? {},
        issues: issues ?? [],
        empty,
        doubtfulFiles,
      };
    });
  }

  explain(service: string, field: string | null): Promise<readonly Provenance[]> {
    return this.#inTurn(async () => {
      const answer = await this.#ask(() => ({ kind: 'explain', service, field }));
      if (answer.kind !== 'explanation') throw failure(answer);
      return answer.fields;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.end();
    await this.#queue;
  }

  /** One request at a time, in order. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(() => {
      if (this.#closed) throw new FairleadError('Refused', 'The compiler is closed.');
      return work();
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Asks the worker, and a new one as often as a file brings the one before to a halt: each time with one more file condemned. */
  async #ask(task: () => Task): Promise<Answer> {
    for (;;) {
      const worker = (this.#worker ??= this.#startWorker());
      try {
        const request: Request = { delta: this.#delta(), task: task() };
        const answer = await worker.ask(request);
        // What it has taken in is then unknown: the next one begins anew.
        if (answer.kind === 'failed') throw new Error(answer.message);
        for (const { path, hash } of request.delta.files) this.#synced.set(path, hash);
        for (const path of request.delta.removed) this.#synced.delete(path);
        return answer;
      } catch (thrown) {
        await worker.end();
        this.#worker = null;
        this.#synced.clear();
        if (this.#closed || !(thrown instanceof WorkerLost) || thrown.fileNumber === 0)
          throw new FairleadError('Internal', 'The manifest compiler stopped.', { cause: thrown });
        this.#condemn(thrown.fileNumber, task());
      }
    }
  }

  #condemn(number: number, task: Task): void {
    const path = [...this.#numbers].find(([, own]) => own === number)?.[0] ?? '';
    const previewed = task.kind === 'preview' ? task.files.find((file) => file.path === path) : undefined;
    const file = previewed ?? this.#snapshot?.files.find((candidate) => candidate.path === path);
    if (file === undefined || this.#condemned.get(path) === file.hash)
      throw new FairleadError('Internal', `The manifest compiler stopped at ${path}.`);
    this.#condemned.set(path, file.hash);
  }

  #startWorker(): WorkerHandle {
    this.#synced.clear();
    return new WorkerHandle(this.#workerUrl, this.#startDeadlineMs, this.#fileDeadlineMs);
  }

  #delta(): Delta {
    const files: SentFile[] = [];
    const present = new Set<string>();
    for (const file of this.#snapshot?.files ?? []) {
      present.add(file.path);
      if (this.#synced.get(file.path) !== file.hash) files.push(this.#toSend(file));
    }
    const removed = [...this.#synced.keys()].filter((path) => !present.has(path));
    return { source: this.#snapshot?.source ?? '', root: this.#snapshot?.root ?? '/', snapshot: this.#snapshot?.id ?? '', files, removed };
  }

  #toSend(file: SnapshotFile): SentFile {
    const number = this.#numbers.get(file.path) ?? this.#numbers.size + 1;
    this.#numbers.set(file.path, number);
    return { ...file, number, condemned: this.#condemned.get(file.path) === file.hash };
  }

  /** A whole Compilation from what is new. A replaced worker tells everything again; only what really differs is passed on. */
  #take(snapshot: string, delta: CompilationDelta): Compilation {
    const valid = delta.valid ?? this.#told.valid;
    const invalid = delta.invalid ?? this.#told.invalid;
    const issues = delta.issues ?? this.#told.issues;
    const known = this.#told.services;
    const changed = delta.changed.filter((service) => known.get(service.name) !== identity(service));
    for (const service of changed) known.set(service.name, identity(service));
    if (known.size !== valid.length) {
      const names = new Set(valid);
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    }
    this.#told = { services: known, valid, invalid, issues };
    return { snapshot, changed, valid, invalid, issues, empty: delta.empty, doubtfulFiles: delta.doubtfulFiles };
  }
}

interface Told {
  /** What a Service was when it was last passed on. */
  readonly services: Map<string, string>;
  readonly valid: readonly string[];
  readonly invalid: Readonly<Record<string, readonly Issue[]>>;
  readonly issues: readonly Issue[];
}

function emptyTold(): Told {
  return { services: new Map(), valid: [], invalid: {}, issues: [] };
}

function identity(service: Service): string {
  return `${service.specHash} ${service.origin.file}:${service.origin.line}`;
}

function failure(answer: Answer): FairleadError {
  return new FairleadError('Internal', `The manifest compiler failed: ${answer.kind === 'failed' ? answer.message : answer.kind}`);
}

/** One worker thread and the watch over it. */
class WorkerHandle {
  readonly #worker: Worker;
  readonly #shared = new SharedArrayBuffer(8);
  readonly #progress = new Int32Array(this.#shared);
  readonly #fileDeadlineMs: number;
  readonly #ready: Promise<void>;
  #settle: { resolve: (answer: Answer) => void; reject: (reason: Error) => void } | null = null;
  #lost: WorkerLost | null = null;

  constructor(url: URL, startDeadlineMs: number, fileDeadlineMs: number) {
    this.#fileDeadlineMs = fileDeadlineMs;
    this.#worker = new Worker(url, {
      name: 'fairlead-compiler',
      workerData: { progress: this.#shared } satisfies WorkerData,
      resourceLimits: { maxOldGenerationSizeMb: heapLimitMb },
    });
    this.#ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lose('It did not load in time.'), startDeadlineMs);
      this.#settle = {
        resolve: () => (clearTimeout(timer), resolve()),
        reject: (reason) => (clearTimeout(timer), reject(reason)),
      };
    });
    this.#ready.catch(() => undefined);
    this.#worker.on('message', (answer: Answer) => {
      const settle = this.#settle;
      this.#settle = null;
      settle?.resolve(answer);
    });
    this.#worker.on('error', (error) => this.#lose(error.message));
    this.#worker.on('exit', (code) => this.#lose(`It ended with exit code ${code}.`));
  }

  /** Rejects with WorkerLost when the worker ends, or stays at one file for longer than its deadline. */
  async ask(request: Request): Promise<Answer> {
    await this.#ready;
    if (this.#lost !== null) throw this.#lost;
    let steps = Atomics.load(this.#progress, 1);
    const watch = setInterval(() => {
      const now = Atomics.load(this.#progress, 1);
      if (now === steps) this.#lose('A file took longer than its deadline.');
      steps = now;
    }, this.#fileDeadlineMs);
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#settle = { resolve, reject };
        this.#worker.postMessage(request);
      });
    } finally {
      clearInterval(watch);
    }
  }

  async end(): Promise<void> {
    this.#lose('It was ended.');
    await this.#worker.terminate();
  }

  #lose(message: string): void {
    this.#lost ??= new WorkerLost(Atomics.load(this.#progress, 0), message);
    const settle = this.#settle;
    this.#settle = null;
    settle?.reject(this.#lost);
  }
}
