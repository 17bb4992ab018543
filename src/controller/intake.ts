/**
 * From a Source's Snapshots to Compilations: one at a time, always of the newest Snapshot; those overtaken while one was
 * compiled are never looked at. A compiler that breaks is tried again; until it answers, what was applied goes on.
 */
import type { FilesDrift } from '../model/drift.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compilation, Compiler } from '../ports/compiler.ts';
import type { Source, SourceEvent, SourceListener } from '../ports/source.ts';
import { messageOf } from '../base/error.ts';

export interface IntakeListener {
  /** The next is looked at when this has been stored and told. Never rejects. */
  compiled(snapshot: Snapshot, compilation: Compilation): Promise<void>;
  /** The source cannot be read, or not compiled; null: it can again. Told when it changes. */
  failure(message: string | null): void;
  happened(event: SourceEvent): void;
  drifted(drift: FilesDrift | null): void;
}

const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

export class Intake {
  readonly #source: Source;
  readonly #compiler: Compiler;
  readonly #clock: Clock;
  readonly #listener: IntakeListener;
  #next: Snapshot | null = null;
  #working: Promise<void> | null = null;
  #failure: string | null = null;
  /** What the source said since its newest Snapshot: compiling that one does not make it readable. */
  #unreadable: string | null = null;
  #retryMs = firstRetryMs;
  #cancelRetry = (): void => {};
  #closed = false;

  constructor(source: Source, compiler: Compiler, clock: Clock, listener: IntakeListener) {
    this.#source = source;
    this.#compiler = compiler;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** `lastApplied`: id of the Snapshot that was applied last, before this start; null when there is none. */
  async start(lastApplied: string | null): Promise<void> {
    const listener: SourceListener = {
      snapshot: (snapshot) => {
        this.#unreadable = null;
        this.#next = snapshot;
        this.#begin();
      },
      unreadable: (message) => {
        this.#unreadable = message;
        this.#fail(message);
      },
      happened: (event) => this.#listener.happened(event),
      drifted: (drift) => this.#listener.drifted(drift),
    };
    try {
      await this.#source.start(listener, lastApplied);
    } catch (thrown) {
      listener.unreadable(`It could not be started: ${messageOf(thrown)}`);
    }
  }

  /** Reads the source again now; resolves once what it said has been compiled and told. */
  async refresh(): Promise<void> {
    await this.#source.refresh();
    await this.settled();
  }

  /** The same at less cost, where the source is said to have moved. */
  async poll(): Promise<void> {
    await (this.#source.poll?.() ?? this.#source.refresh());
    await this.settled();
  }

  /** Resolves once no Compilation is under way. */
  async settled(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await this.#source.close();
    await this.settled();
  }

  #begin(): void {
    if (this.#working === null && this.#next !== null && !this.#closed) this.#working = this.#work();
  }

  async #work(): Promise<void> {
    try {
      for (let snapshot = this.#take(); snapshot !== null && !this.#closed; snapshot = this.#take()) {
        const compilation = await this.#compile(snapshot);
        if (compilation === null) return;
        await this.#listener.compiled(snapshot, compilation);
        // Only now: as long as what it holds is not known to all, it counts as one that cannot be read.
        this.#fail(this.#unreadable);
      }
    } finally {
      // In the same turn in which nothing more was found: a Snapshot that comes after that begins anew.
      this.#working = null;
    }
  }

  /** null when it is to be tried again later. */
  async #compile(snapshot: Snapshot): Promise<Compilation | null> {
    try {
      const compilation = await this.#compiler.compile(snapshot);
      this.#retryMs = firstRetryMs;
      this.#cancelRetry();
      return compilation;
    } catch (thrown) {
      this.#fail(`The manifests could not be compiled: ${messageOf(thrown)}`);
      this.#retryLater(snapshot);
      return null;
    }
  }

  #take(): Snapshot | null {
    const snapshot = this.#next;
    this.#next = null;
    return snapshot;
  }

  #retryLater(snapshot: Snapshot): void {
    this.#next ??= snapshot;
    this.#cancelRetry();
    this.#cancelRetry = this.#clock.after(this.#retryMs, () => this.#begin());
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
  }

  #fail(message: string | null): void {
    if (message === this.#failure) return;
    this.#failure = message;
    this.#listener.failure(message);
  }
}
