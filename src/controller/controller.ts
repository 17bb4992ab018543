/**
 * The controller as one piece: a Source, the compiler, the heart and the store around one Host. It knows its parts by
 * their ports alone and has no clock, file or socket of its own, so it runs the same in the simulator.
 */
import { splitDocuments } from '../manifest/text.ts';
import type { Event } from '../model/event.ts';
import type { Service } from '../model/service.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Compilation } from '../ports/compiler.ts';
import type { ReadModel } from '../ports/read-model.ts';
import type { RevisionSource } from '../ports/store.ts';
import { Declarations } from './declarations.ts';
import { Intake } from './intake.ts';
import { event, Loop } from './loop.ts';
import type { ControllerParts, SourceState } from './parts.ts';
import { Reader } from './reader.ts';

const snapshotKey = (source: string): string => `snapshot:${source}`;
const suspendedKey = (source: string): string => `suspended:${source}`;
const approvedKey = (source: string): string => `approvedDeletions:${source}`;

export class Controller {
  readonly parts: ControllerParts;
  readonly epoch: number;
  readonly declarations: Declarations;
  readonly loop: Loop;
  readonly readModel: ReadModel;
  readonly source: SourceState = {
    snapshot: null,
    readAt: null,
    suspended: false,
    failure: null,
    manifests: 0,
    issues: [],
    issuesBySubject: new Map(),
  };
  readonly #intake: Intake;
  readonly #reader: Reader;
  #approved: ReadonlySet<string> = new Set();
  /** Those of them that the source no longer declares. */
  #approvedGone = new Set<string>();
  #lastApplied: string | null = null;

  private constructor(parts: ControllerParts, epoch: number) {
    this.parts = parts;
    this.epoch = epoch;
    this.declarations = new Declarations(parts.guardPrune);
    this.loop = new Loop({
      store: parts.store,
      link: parts.link,
      clock: parts.clock,
      decide: parts.decide,
      declarations: this.declarations,
      epoch,
      listener: {
        events: (events: readonly Event[]) => this.#reader.tellEvents(events),
        changed: (service) => this.#reader.tellChange(service),
        problem: parts.onProblem,
        fenced: parts.onFenced,
      },
    });
    this.#reader = new Reader(this);
    this.readModel = this.#reader;
    this.#intake = new Intake(parts.source, parts.compiler, parts.clock, {
      compiled: (snapshot, compilation) => this.#compiled(snapshot, compilation),
      failure: (message) => this.#failure(message),
    });
  }

  /** Takes over from any controller before: a new epoch, everything remembered, then Host and Source. */
  static async start(parts: ControllerParts): Promise<Controller> {
    const controller = new Controller(parts, await parts.store.takeEpoch());
    await controller.#start();
    return controller;
  }

  async #start(): Promise<void> {
    const { store, source, clock } = this.parts;
    this.#lastApplied = await store.setting(snapshotKey(source.name));
    this.#approved = new Set(JSON.parse((await store.setting(approvedKey(source.name))) ?? '[]') as string[]);
    this.source.suspended = (await store.setting(suspendedKey(source.name))) !== null;
    await this.loop.append([event(clock.now(), 'Normal', 'ControllerStarted', `Epoch ${this.epoch}.`)]);
    await this.loop.start();
    if (this.source.suspended) {
      this.declarations.setUnknown('The source is suspended.');
      source.suspend();
      this.loop.sourceHeard();
    }
    await this.#intake.start();
  }

  /** Resolves once the newest Snapshot has been compiled and no pass waits or is under way. */
  async settled(): Promise<void> {
    await this.#intake.settled();
    await this.loop.idle();
  }

  /** Resolves once the newest Snapshot has been compiled. */
  async compiled(): Promise<void> {
    await this.#intake.settled();
  }

  /** Reads the source again and passes over every service. */
  async reconcile(): Promise<void> {
    await this.#intake.refresh();
    await this.loop.passOverAll();
  }

  async suspendSource(suspended: boolean): Promise<void> {
    const { store, source } = this.parts;
    await store.saveSetting(this.epoch, suspendedKey(source.name), suspended ? 'true' : null);
    this.source.suspended = suspended;
    if (suspended) {
      source.suspend();
      return;
    }
    source.resume();
    await this.#intake.refresh();
  }

  /** Deletions that somebody asked for by name: the prune guard lets them go. Kept until they have been seen. */
  async approveDeletions(names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#saveApproved(new Set([...this.#approved, ...names]));
  }

  /** The deletions will not come after all. */
  async withdrawApprovals(names: readonly string[]): Promise<void> {
    await this.#saveApproved(new Set([...this.#approved].filter((name) => !names.includes(name))));
  }

  /** Stops deciding; the Host goes on with what it was last sent. Nothing is closed but what was started here. */
  async close(): Promise<void> {
    await this.#intake.close();
    await this.loop.close();
  }

  #compiled(snapshot: Snapshot, compilation: Compilation): void {
    const { source, store } = this.parts;
    const first = this.declarations.snapshot === null;
    const remembered = [...this.loop.records.values()].filter(({ deleting }) => !deleting);
    const recorded = new Map(remembered.map(({ service, desired }) => [service, desired?.origin.file ?? null]));
    const heldBefore = this.declarations.held;
    const affected = this.declarations.take(compilation, recorded, this.#approved);
    this.source.snapshot = snapshot;
    this.source.readAt = snapshot.takenAt;
    this.source.manifests = compilation.valid.length + Object.keys(compilation.invalid).length;
    this.source.issues = compilation.issues;
    this.source.issuesBySubject = Map.groupBy(compilation.issues, ({ subject }) => subject ?? '');
    this.loop.sourceHeard();
    this.loop.queue(affected);
    const events = this.#eventsOf(compilation, heldBefore, first ? compilation.changed.length : affected.size);
    if (events.length > 0) void this.loop.append(events);
    if (this.#lastApplied !== snapshot.id) {
      this.#lastApplied = snapshot.id;
      this.#inBackground(async () => store.saveSetting(this.epoch, snapshotKey(source.name), snapshot.id));
    }
    this.#dropApprovals();
    this.#rememberSources(snapshot, compilation.changed);
    for (const name of affected) this.#reader.tellChange(name);
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

  /** An approval holds until the deletion has begun, or the name, having been gone, is declared again. */
  #dropApprovals(): void {
    const kept = new Set<string>();
    for (const name of this.#approved) {
      const declared = this.declarations.isDeclared(name);
      if (declared ? !this.#approvedGone.has(name) : this.loop.records.get(name)?.deleting === false) kept.add(name);
      if (!declared) this.#approvedGone.add(name);
    }
    if (kept.size === this.#approved.size) return;
    this.#approvedGone = new Set([...this.#approvedGone].filter((name) => kept.has(name)));
    this.#inBackground(async () => this.#saveApproved(kept));
  }

  #eventsOf(compilation: Compilation, heldBefore: readonly string[], affected: number): ReturnType<typeof event>[] {
    const now = this.parts.clock.now();
    const { name } = this.parts.source;
    const snapshot = compilation.snapshot;
    const events = [];
    if (affected > 0 && this.#lastApplied !== snapshot) {
      const invalid = Object.keys(compilation.invalid).length;
      const issues = invalid === 0 ? '' : ` ${invalid} not valid.`;
      const message = `${name} at ${snapshot.slice(0, 12)}: ${compilation.valid.length} services, ${affected} changed.${issues}`;
      events.push(event(now, invalid === 0 ? 'Normal' : 'Warning', 'SnapshotApplied', message, null, { snapshot }));
    }
    const { held } = this.declarations;
    if (held.length > 0 && held.join() !== heldBefore.join()) {
      const message = compilation.empty
        ? `${name} holds no manifest at all: nothing is deleted. To delete services, delete them by name.`
        : `${name} no longer holds ${held.join(', ')}: too many at once to delete. Delete them by name, or raise prune.maxDeletions.`;
      events.push(event(now, 'Warning', 'PruneHeld', message, null, { snapshot }));
    }
    return events;
  }

  #failure(message: string | null): void {
    const { clock, source } = this.parts;
    this.source.failure = message;
    if (message !== null) {
      this.declarations.setUnknown(`The source cannot be read: ${message}`);
      this.loop.sourceHeard();
    }
    const told =
      message === null
        ? event(clock.now(), 'Normal', 'SourceReadable', `${source.name} can be read again.`)
        : event(clock.now(), 'Warning', 'SourceUnreadable', `${source.name}: ${message} What runs goes on.`);
    void this.loop.append([told]);
  }

  async #saveApproved(names: ReadonlySet<string>): Promise<void> {
    const value = names.size === 0 ? null : JSON.stringify([...names].sort());
    await this.parts.store.saveSetting(this.epoch, approvedKey(this.parts.source.name), value);
    this.#approved = names;
  }

  #inBackground(work: () => Promise<void>): void {
    work().catch((thrown: unknown) => this.parts.onProblem('Something about the source was not stored', thrown));
  }
}

/** The YAML document of a file that begins at or goes on over a line. */
function documentAt(bytes: Uint8Array | undefined, line: number): string {
  const documents = splitDocuments(Buffer.from(bytes ?? []).toString('utf8'));
  return documents.findLast((document) => document.line <= line)?.text ?? '';
}
