/**
 * One Source as the controller keeps it: its Intake, how it stands, and what of it outlives the process. The id of a Snapshot
 * is stored before anything of it is acted upon, so that the Source can be told after any crash what it must not fall behind.
 */
import type { Snapshot } from '../model/snapshot.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compilation } from '../ports/compiler.ts';
import type { SourceEvent } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import { Intake } from './intake.ts';
import type { Commits } from './commits.ts';
import type { SourceParts, SourceState } from './parts.ts';
import type { SourceDeclarations } from './source-declarations.ts';

export interface SourceKeeperParts {
  readonly source: SourceParts;
  readonly declared: SourceDeclarations;
  readonly commits: Commits;
  readonly store: Store;
  readonly epoch: number;
  readonly clock: Clock;
  readonly listener: SourceListener;
}

/** What a controller does about one of its Sources; `source` is the name. */
interface SourceListener {
  /** `isNew`: it is not the Snapshot that was applied last. */
  compiled(keeper: SourceKeeper, compilation: Compilation, isNew: boolean): void;
  failure(keeper: SourceKeeper, message: string | null): void;
  happened(keeper: SourceKeeper, event: SourceEvent): void;
  drifted(keeper: SourceKeeper, before: SourceState['drift']): void;
  /** Something was not stored. True when it makes no sense to try again. */
  unstored(thrown: unknown): boolean;
}

const retryMs = 1_000;
const notRefusals: ReadonlySet<SourceEvent['reason']> = new Set(['HistoryRewound', 'FilesCorrected', 'FilesDrifted', 'FilesRestored']);

export class SourceKeeper {
  readonly parts: SourceParts;
  readonly declared: SourceDeclarations;
  readonly state: SourceState;
  readonly #commits: Commits;
  readonly #store: Store;
  readonly #epoch: number;
  readonly #clock: Clock;
  readonly #listener: SourceListener;
  readonly #intake: Intake;
  readonly #closing = Promise.withResolvers<void>();
  #lastApplied: string | null = null;
  #closed = false;

  constructor({ source, declared, commits, store, epoch, clock, listener }: SourceKeeperParts) {
    this.parts = source;
    this.declared = declared;
    // A folder is what it is: nothing of it is laid out anywhere.
    const drift = source.kind === 'folder' ? null : 'unknown';
    this.state = { snapshot: null, readAt: null, refused: null, drift, services: 0, issues: [], issuesBySubject: new Map() };
    this.#commits = commits;
    this.#store = store;
    this.#epoch = epoch;
    this.#clock = clock;
    this.#listener = listener;
    this.#intake = new Intake(source.source, source.compiler, clock, {
      compiled: async (snapshot, compilation) => this.#compiled(snapshot, compilation),
      failure: (message) => {
        declared.failure = message;
        this.state.refused = null;
        listener.failure(this, message);
      },
      happened: (event) => {
        // A refusal is told after the failure that it is; what is told besides is none.
        if (!notRefusals.has(event.reason)) this.state.refused = event;
        listener.happened(this, event);
      },
      drifted: (drift) => {
        const before = this.state.drift;
        this.state.drift = drift;
        listener.drifted(this, before);
      },
    });
  }

  get name(): string {
    return this.parts.source.name;
  }

  /** What is remembered from before; to be called before `start`. */
  async load(): Promise<void> {
    this.#lastApplied = await this.#store.setting(this.#key('snapshot'));
    this.declared.suspended = (await this.#store.setting(this.#key('suspended'))) !== null;
    if (this.declared.suspended) this.parts.source.suspend();
  }

  async start(): Promise<void> {
    await this.#intake.start(this.#lastApplied);
  }

  /** Reads again now; resolves once what came of it has been compiled, stored and told. */
  async refresh(): Promise<void> {
    await this.#intake.refresh();
  }

  /** The same at less cost, where somebody says that it has moved. */
  async poll(): Promise<void> {
    await this.#intake.poll();
  }

  async settled(): Promise<void> {
    await this.#intake.settled();
  }

  async suspend(suspended: boolean): Promise<void> {
    await this.#store.saveSetting(this.#epoch, this.#key('suspended'), suspended ? 'true' : null);
    this.declared.suspended = suspended;
    if (suspended) {
      this.parts.source.suspend();
      return;
    }
    this.parts.source.resume();
    await this.#intake.refresh();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.resolve();
    await this.#intake.close();
  }

  async #compiled(snapshot: Snapshot, compilation: Compilation): Promise<void> {
    const isNew = this.#lastApplied !== snapshot.id;
    if (!(await this.#remember(snapshot, isNew))) return;
    const [before, after] = [pathsOf(this.state.snapshot), pathsOf(snapshot)];
    this.state.snapshot = snapshot;
    this.state.readAt = snapshot.takenAt;
    this.state.services = compilation.valid.length + Object.keys(compilation.invalid).length;
    this.state.issues = compilation.issues;
    this.state.issuesBySubject = Map.groupBy(compilation.issues, ({ subject }) => subject ?? '');
    this.#listener.compiled(this, compilation, isNew);
    if (after === '' || after === before) return;
    const message = snapshot.unmatchedPaths!.map((unmatched) => unmatched.message).join(' ');
    this.#listener.happened(this, { type: 'Warning', reason: 'PathsUnmatched', message, snapshot: snapshot.id });
  }

  /** Stores which Snapshot is applied from now on, and what its commit says, however often that takes; false when it is not to be any more. */
  async #remember({ id, commit }: Snapshot, isNew: boolean): Promise<boolean> {
    while (!this.#closed) {
      try {
        if (commit !== undefined) await this.#commits.keep(commit);
        if (isNew) await this.#store.saveSetting(this.#epoch, this.#key('snapshot'), id);
        this.#lastApplied = id;
        return true;
      } catch (thrown) {
        if (this.#listener.unstored(thrown)) return false;
      }
      await Promise.race([new Promise<void>((done) => void this.#clock.after(retryMs, done)), this.#closing.promise]);
    }
    return false;
  }

  #key(of: 'snapshot' | 'suspended'): string {
    return `${of}:${this.name}`;
  }
}

/** The paths that match nothing, as one text. */
function pathsOf(snapshot: Snapshot | null): string {
  return (snapshot?.unmatchedPaths ?? []).map(({ path }) => path).join('\0');
}
