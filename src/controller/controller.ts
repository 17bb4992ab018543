/**
 * The controller as one piece: its Sources, the compilers, the heart and the store around one Host. It knows its parts by
 * their ports alone and has no clock, file or socket of its own, so it runs the same in the simulator.
 */
import { FairleadError } from '../base/error.ts';
import { plural } from '../base/plural.ts';
import { splitDocuments } from '../manifest/text.ts';
import type { Event } from '../model/event.ts';
import type { Service } from '../model/service.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Compilation } from '../ports/compiler.ts';
import type { ReadModel } from '../ports/read-model.ts';
import type { SourceEvent } from '../ports/source.ts';
import type { RevisionSource } from '../ports/store.ts';
import { Approvals } from './approvals.ts';
import { CommitStatusReporter } from './commit-status-reporter.ts';
import { CommitStatuses } from './commit-statuses.ts';
import { Commits } from './commits.ts';
import type { ControllerContext } from './context.ts';
import { Declarations, type Remembered } from './declarations.ts';
import { Drafts } from './drafts.ts';
import { event, Loop } from './loop.ts';
import type { ControllerParts, SourceState } from './parts.ts';
import { driftFor, ownFiles } from './own-files.ts';
import { Reader } from './reader.ts';
import { RevertProposals } from './revert-proposals.ts';
import { SourceKeeper } from './source-keeper.ts';
import { Writer } from './writer.ts';

export class Controller implements ControllerContext {
  readonly parts: ControllerParts;
  readonly epoch: number;
  readonly declarations: Declarations;
  readonly loop: Loop;
  readonly readModel: ReadModel;
  readonly sources: ReadonlyMap<string, SourceKeeper>;
  readonly commits: Commits;
  /** What a change of a Source would come to, and who writes it. */
  readonly drafts = new Drafts(this);
  readonly writer = new Writer(this);
  readonly #reader: Reader;
  readonly #approvals: Approvals;
  readonly #statuses: CommitStatuses;
  readonly #reverts: RevertProposals;
  /** Questions to other Sources that are under way. */
  readonly #asking = new Set<Promise<void>>();
  #allHeard = false;
  #closed = false;

  private constructor(parts: ControllerParts, epoch: number) {
    this.parts = parts;
    this.epoch = epoch;
    const { store, clock } = parts;
    const names = parts.sources.map(({ source }) => source.name);
    this.declarations = new Declarations(names, parts.guardPrune, (name) => this.loop.records.get(name)?.desired?.origin.source ?? null);
    this.loop = new Loop({
      store,
      link: parts.link,
      clock,
      decide: parts.decide,
      declarations: this.declarations,
      epoch,
      driftOf: (service) => driftFor(service, this.sources),
      listener: {
        events: (events: readonly Event[]) => this.#reader.tellEvents(events),
        changed: (service) => {
          this.#reader.tellChange(service);
          this.#statuses.changed();
          this.#reverts.changed();
        },
        problem: parts.onProblem,
        fenced: parts.onFenced,
      },
    });
    const listener = {
      compiled: (keeper: SourceKeeper, compilation: Compilation, isNew: boolean) => this.#compiled(keeper, compilation, isNew),
      failure: (keeper: SourceKeeper, message: string | null) => this.#failure(keeper, message),
      happened: (keeper: SourceKeeper, happened: SourceEvent) => this.#happened(keeper, happened),
      drifted: (keeper: SourceKeeper, before: SourceState['drift']) => this.#drifted(keeper, before),
      unstored: (thrown: unknown) => this.#unstored(thrown),
    };
    this.commits = new Commits(store, epoch, () => this.loop.records.values());
    this.sources = new Map(
      parts.sources.map((source) => {
        const { name } = source.source;
        return [
          name,
          new SourceKeeper({ source, declared: this.declarations.source(name), commits: this.commits, store, epoch, clock, listener }),
        ];
      }),
    );
    this.#approvals = new Approvals(store, epoch);
    this.#statuses = new CommitStatuses(this, reportersOf(parts, epoch));
    this.#reverts = new RevertProposals(this);
    this.#reader = new Reader(this);
    this.readModel = this.#reader;
  }

  /** Takes over from any controller before: a new epoch, everything remembered, then Host and Sources. */
  static async start(parts: ControllerParts): Promise<Controller> {
    const controller = new Controller(parts, await parts.store.takeEpoch());
    await controller.#start();
    return controller;
  }

  async #start(): Promise<void> {
    const { clock } = this.parts;
    const keepers = [...this.sources.values()];
    await this.#approvals.load();
    await this.commits.load();
    this.declarations.approve(this.#approvals.names);
    for (const keeper of keepers) await keeper.load();
    await this.loop.append([event(clock.now(), 'Normal', 'ControllerStarted', `Epoch ${this.epoch}.`)]);
    await this.loop.start();
    if (keepers.some(({ declared }) => declared.suspended)) this.#heard();
    // One that takes its time keeps neither the others nor the controller from starting.
    for (const keeper of keepers) void keeper.start();
  }

  /** Resolves once the newest Snapshots have been compiled, questions between Sources are answered, and no pass waits or is under way. */
  async settled(): Promise<void> {
    await this.compiled();
    await Promise.all(this.#asking);
    await this.loop.idle();
  }

  /** Resolves once the newest Snapshot of each Source has been compiled. */
  async compiled(): Promise<void> {
    await Promise.all([...this.sources.values()].map(async (keeper) => keeper.settled()));
  }

  source(name: string): SourceKeeper {
    const keeper = this.sources.get(name);
    if (keeper === undefined)
      throw new FairleadError('NotFound', `There is no source ${name}; there is ${[...this.sources.keys()].join(', ')}.`, {
        data: { next: 'fairlead get sources' },
      });
    return keeper;
  }

  /** Reads every Source again, or one, and passes over the services of it. */
  async reconcile(source: string | null): Promise<void> {
    if (source === null) {
      await Promise.all([...this.sources.values()].map(async (keeper) => keeper.refresh()));
      await this.loop.passOverAll();
      return;
    }
    const keeper = this.source(source);
    await keeper.refresh();
    const own = [...this.loop.records.values()].filter(({ desired }) => desired?.origin.source === source);
    await this.loop.passOver(new Set([...own.map(({ service }) => service), ...keeper.declared.names()]));
  }

  async suspendSource(source: string, suspended: boolean): Promise<void> {
    await this.source(source).suspend(suspended);
    // What it holds others may now go on without, or have to wait for again.
    if (this.sources.size > 1) this.loop.queueAll();
  }

  async approveDeletions(names: readonly string[]): Promise<void> {
    await this.#approvals.add(names);
    this.declarations.approve(this.#approvals.names);
  }

  async withdrawApprovals(names: readonly string[]): Promise<void> {
    await this.#approvals.withdraw(names);
    this.declarations.approve(this.#approvals.names);
  }

  /** Stops deciding; the Host goes on with what it was last sent. Nothing is closed but what was started here. */
  async close(): Promise<void> {
    this.#closed = true;
    // Before the sources end what it pushes: that is no failure to be told.
    const reverts = this.#reverts.close();
    await Promise.all([...this.sources.values()].map(async (keeper) => keeper.close()));
    await Promise.all(this.#asking);
    await this.#statuses.close();
    await reverts;
    await this.loop.close();
  }

  #compiled(keeper: SourceKeeper, compilation: Compilation, isNew: boolean): void {
    const { name, state, declared } = keeper;
    const first = declared.snapshot === null;
    const heldBefore = this.#held();
    const { affected, questions } = this.declarations.take(name, compilation, this.#remembered(), this.#approvals.names);
    this.#heard();
    this.loop.queue(affected);
    this.#tell(this.#snapshotEvents(keeper, compilation, isNew ? (first ? compilation.changed.length : affected.size) : 0));
    if (questions.length === 0) this.#tellHeld(heldBefore);
    else
      this.#ask(keeper, questions, () => {
        this.#tellHeld(heldBefore);
        this.#tellWaiting(keeper, questions);
      });
    this.#dropApprovals();
    this.#rememberSources(state.snapshot!, compilation.changed);
    for (const service of affected) this.#reader.tellChange(service);
    this.#statuses.changed();
    this.#reverts.changed();
  }

  /** Every name that is remembered and not being deleted, with where it was declared last. */
  #remembered(): ReadonlyMap<string, Remembered> {
    const remembered = [...this.loop.records.values()].filter(({ deleting }) => !deleting);
    return new Map(
      remembered.map(({ service, desired }) => [service, { source: desired?.origin.source ?? null, file: desired?.origin.file ?? null }]),
    );
  }

  /** A Source has been heard: passes begin. Once all have been, each service is looked at, for some waited for that. */
  #heard(): void {
    this.loop.sourceHeard();
    if (this.#allHeard || !this.declarations.sources.every(({ heard }) => heard)) return;
    this.#allHeard = true;
    if (this.sources.size > 1) this.loop.queueAll();
    this.#tellOrphans();
  }

  /** What came from a Source that is not configured any more goes on as it last was; somebody has to say what is to become of it. */
  #tellOrphans(): void {
    const orphans = [...this.loop.records.values()].filter(
      ({ service, desired, deleting }) =>
        desired !== null && !deleting && !this.sources.has(desired.origin.source) && this.declarations.of(service).kind === 'unknown',
    );
    const events = [...Map.groupBy(orphans, ({ desired }) => desired!.origin.source)].map(([source, records]) => {
      const names = records.map(({ service }) => service).sort();
      const message = `Source ${source} is no longer configured; what came from it goes on as it last was: ${names.join(', ')}. Configure it again, declare them in another source, which takes them over, or delete them by name.`;
      return event(this.parts.clock.now(), 'Warning', 'SourceGone', message);
    });
    this.#tell(events);
  }

  /** Names that have gone from one Source may have moved to another whose change has not been seen: those are read again first. */
  #ask(keeper: SourceKeeper, names: readonly string[], told = (): void => {}): void {
    const others = [...this.sources.values()].filter((other) => other !== keeper && !other.declared.suspended);
    const asking = Promise.allSettled(others.map(async (other) => other.refresh())).then(() => {
      this.#asking.delete(asking);
      if (this.#closed) return;
      this.declarations.answered(names);
      this.loop.queue(names);
      told();
    });
    this.#asking.add(asking);
  }

  /** What waited for this source may have moved on meanwhile, to one that was read before that. */
  #readableAgain(keeper: SourceKeeper): void {
    const questions = this.declarations.question(this.#remembered().keys());
    if (questions.length > 0) this.#ask(keeper, questions);
    this.loop.queueAll();
  }

  #tellWaiting({ name }: SourceKeeper, names: readonly string[]): void {
    const held = new Set(this.declarations.heldOf(name));
    const waiting = names.filter((service) => this.declarations.of(service).kind === 'unknown' && !held.has(service));
    if (waiting.length === 0) return;
    const message = `${waiting.join(', ')} are gone from ${name}, and go on until every other source can be read, for they may be there now. Delete them by name to let them go at once.`;
    this.#tell([event(this.parts.clock.now(), 'Warning', 'DeletionWaits', message)]);
  }

  /** Keeps how each changed Service was written, so that `rollout undo` can write it again. */
  #rememberSources(snapshot: Snapshot, changed: readonly Service[]): void {
    const news = changed.filter(({ name, specHash }) => this.loop.records.get(name)?.desired?.specHash !== specHash);
    if (news.length === 0) return;
    const files = new Map(snapshot.files.map(({ path, bytes }) => [path, bytes]));
    const sources = news.map((service): RevisionSource => ({
      service: service.name,
      revision: service.revision.hash,
      resolved: service,
      text: documentAt(files.get(service.origin.file), service.origin.line),
      at: this.parts.clock.now(),
    }));
    this.#inBackground(async () => this.parts.store.saveRevisionSources(this.epoch, sources));
  }

  #dropApprovals(): void {
    this.#inBackground(async () => {
      const { records } = this.loop;
      await this.#approvals.drop(
        (name) => this.declarations.isDeclared(name),
        (name) => records.get(name)?.deleting !== false,
      );
      this.declarations.approve(this.#approvals.names);
    });
  }

  #snapshotEvents({ name, state }: SourceKeeper, { snapshot, valid, invalid }: Compilation, affected: number): ReturnType<typeof event>[] {
    if (affected === 0) return [];
    const bad = Object.keys(invalid).length;
    const commit = state.snapshot?.commit;
    const what = commit === undefined ? '' : ` (“${commit.subject}”, ${commit.author})`;
    const message = `${name} at ${snapshot.slice(0, 12)}${what}: ${plural(valid.length, 'service')}, ${affected} changed.${bad === 0 ? '' : ` ${bad} not valid.`}`;
    return [event(this.parts.clock.now(), bad === 0 ? 'Normal' : 'Warning', 'SnapshotApplied', message, null, { snapshot })];
  }

  #held(): ReadonlyMap<string, readonly string[]> {
    return new Map(this.declarations.sources.map(({ name }) => [name, this.declarations.heldOf(name)]));
  }

  /** `before`: what was held of each source when this was last told. */
  #tellHeld(before: ReadonlyMap<string, readonly string[]>): void {
    this.#tell([...before].flatMap(([source, held]) => this.#heldEvents(this.source(source), held)));
  }

  #tell(events: ReturnType<typeof event>[]): void {
    if (events.length > 0) void this.loop.append(events);
  }

  #heldEvents({ name, declared }: SourceKeeper, before: readonly string[]): ReturnType<typeof event>[] {
    const held = this.declarations.heldOf(name);
    if (held.length === 0 || held.join() === before.join()) return [];
    const message = declared.empty
      ? `${name} holds no manifest at all: nothing is deleted. To delete services, delete them by name.`
      : `${name} no longer holds ${held.join(', ')}: too many at once to delete. Delete them by name, or raise prune.maxDeletions.`;
    return [event(this.parts.clock.now(), 'Warning', 'PruneHeld', message, null, { snapshot: declared.snapshot })];
  }

  #failure(keeper: SourceKeeper, message: string | null): void {
    const { clock } = this.parts;
    const { name } = keeper;
    if (message !== null) this.#heard();
    else if (this.sources.size > 1) this.#readableAgain(keeper);
    const told =
      message === null
        ? event(clock.now(), 'Normal', 'SourceReadable', `${name} can be read again.`)
        : event(clock.now(), 'Warning', 'SourceUnreadable', `${name}: ${message} What runs goes on.`);
    this.#tell([told]);
  }

  #happened({ name }: SourceKeeper, { type, reason, message, snapshot }: SourceEvent): void {
    this.#tell([event(this.parts.clock.now(), type, reason, `${name}: ${message}`, null, { snapshot })]);
  }

  /** Passes over the services that run in files which are others than before. */
  #drifted({ name, state }: SourceKeeper, before: SourceState['drift']): void {
    const drifts = [before, state.drift].filter((drift) => drift !== null && drift !== 'unknown');
    const concerned = [...this.loop.records.values()].filter(({ desired }) => {
      if (desired?.origin.source !== name) return false;
      return before === 'unknown' || drifts.some((drift) => ownFiles(desired, drift) !== null);
    });
    this.loop.queue(concerned.map(({ service }) => service));
  }

  #unstored(thrown: unknown): boolean {
    if (this.loop.fencedBy(thrown)) return true;
    this.parts.onProblem('Which snapshot is applied was not stored; nothing of it is acted upon until it is', thrown);
    return false;
  }

  #inBackground(work: () => Promise<void>): void {
    work().catch((thrown: unknown) => {
      if (!this.loop.fencedBy(thrown)) this.parts.onProblem('Something about the source was not stored', thrown);
    });
  }
}

function reportersOf({ sources, store, clock, onProblem }: ControllerParts, epoch: number): ReadonlyMap<string, CommitStatusReporter> {
  return new Map(
    sources.flatMap(({ source: { name }, forge }) => {
      if (forge === undefined || forge === null) return [];
      // The status API is for this machine: a forge's page could not lead there.
      const parts = { source: name, forge, store, epoch, clock, targetUrl: () => null, onProblem };
      return [[name, new CommitStatusReporter(parts)] as const];
    }),
  );
}

/** The YAML document of a file that begins at or goes on over a line. */
function documentAt(bytes: Uint8Array | undefined, line: number): string {
  const documents = splitDocuments(Buffer.from(bytes ?? []).toString('utf8'));
  return documents.findLast((document) => document.line <= line)?.text ?? '';
}
