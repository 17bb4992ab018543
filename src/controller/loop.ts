/**
 * The loop: observe → decide → persist → execute, for many services at once, one pass a service at a time. Nothing is sent
 * to the Host before it is stored, and nothing is decided before the Host has said all that it sees and the source has
 * said all that it holds (or that it cannot be read). What a failed save would have done is decided again later.
 */
import type { Decide, Decision } from '../core/decide.ts';
import { serviceToCome } from '../core/declaration.ts';
import { completed } from '../core/record.ts';
import { adopt, leaveBehind, restoreArchived } from '../core/adopt.ts';
import type { Command } from '../model/command.ts';
import type { DependencyFact, Desired } from '../model/desired.ts';
import type { Contract } from '../model/contract.ts';
import type { Service } from '../model/service.ts';
import type { Event, EventDraft } from '../model/event.ts';
import type { Observation } from '../model/observation.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { HostLink, HostListener } from '../ports/host-link.ts';
import type { Change, Store, UsageDay } from '../ports/store.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import { Contracts, toCompare } from './contracts.ts';
import type { Declarations } from './declarations.ts';
import { Groups } from './groups.ts';
import { KeyQueue } from './queue.ts';

export interface LoopParts {
  readonly store: Store;
  readonly link: HostLink;
  readonly clock: Clock;
  readonly decide: Decide;
  readonly declarations: Declarations;
  readonly epoch: number;
  readonly listener: LoopListener;
  /** What its source does about drift, and which of the files that a Service runs in have drifted. */
  readonly driftOf: (service: Service | null) => Pick<Desired, 'driftPolicy' | 'files'>;
}

export interface LoopListener {
  /** After they were stored. */
  events(events: readonly Event[]): void;
  changed(service: string): void;
  /** The store or a pass failed; it is tried again. */
  problem(message: string, error: unknown): void;
  /** Another controller writes now: this one must end. */
  fenced(error: FairleadError): void;
}

/** One decided pass, not stored yet. */
interface Pass {
  readonly key: string;
  readonly before: ServiceRecord | null;
  readonly decision: Decision;
  /** The Record of another name that this one takes over. */
  readonly adopts: ServiceRecord | null;
}

const firstRetryMs = 100;
const longestRetryMs = 30_000;

export class Loop implements HostListener {
  readonly #parts: LoopParts;
  readonly #queue: KeyQueue;
  readonly #records = new Map<string, ServiceRecord>();
  readonly #observations = new Map<string, Observation>();
  /** Generation of the Plan that the Host was last sent on this connection. */
  readonly #sent = new Map<string, number>();
  /** Services with Commands in the store that no pass has taken. */
  readonly #commanded = new Set<string>();
  readonly #dependants = new Map<string, Set<string>>();
  readonly #groups: Groups;
  readonly #contracts: Contracts;
  readonly #knownContracts = new Set<string>();
  readonly #brokenPasses = new Map<string, string>();
  #connected = false;
  #sourceHeard = false;
  #retryMs = firstRetryMs;
  #fenced = false;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#queue = new KeyQueue(parts.clock, async (keys) => this.#work(keys));
    this.#groups = new Groups(this.#records, parts.declarations);
    this.#contracts = new Contracts(parts.store);
  }

  /** Loads what is remembered and connects to the Host. */
  async start(): Promise<void> {
    for (const record of await this.#parts.store.records()) {
      this.#remember(record.service, completed(record));
      this.#commanded.add(record.service);
    }
    this.#parts.link.start(this.#parts.epoch, this);
  }

  get records(): ReadonlyMap<string, ServiceRecord> {
    return this.#records;
  }

  get observations(): ReadonlyMap<string, Observation> {
    return this.#observations;
  }

  get hostConnected(): boolean {
    return this.#connected;
  }

  /** The source has been read, or is known not to be readable: from now on passes are made. */
  sourceHeard(): void {
    this.#sourceHeard = true;
    this.#gate();
  }

  /** Something else is said of these services: passes over them and over whoever depends on them or waits for their group. */
  queue(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#queue.add(key);
      this.#queueDependants(key);
      for (const peer of this.#groups.peersOf(key)) this.#queue.add(peer);
    }
  }

  queueAll(): void {
    for (const key of this.#allKeys()) this.#queue.add(key);
  }

  /** Passes over every service; resolves once each has been passed over, or at once while no passes are made. */
  async passOverAll(): Promise<void> {
    await this.passOver(this.#allKeys());
  }

  async passOver(keys: ReadonlySet<string>): Promise<void> {
    await Promise.all([...keys].map(async (key) => this.#queue.addAndWait(key)));
  }

  #allKeys(): ReadonlySet<string> {
    return new Set([...this.#records.keys(), ...this.#parts.declarations.names()]);
  }

  /** A Command of this service was stored; resolves once it has been taken, or at once while no passes are made. */
  async commanded(service: string): Promise<void> {
    this.#commanded.add(service);
    await this.#queue.addAndWait(service);
  }

  dependantsOf(service: string): readonly string[] {
    return [...(this.#dependants.get(service) ?? [])].sort();
  }

  /** Resolves once no pass waits or is under way; timers don't count. */
  async idle(): Promise<void> {
    return this.#queue.idle();
  }

  async close(): Promise<void> {
    await this.#queue.close();
    await this.#parts.link.close();
  }

  /** What a pass over the service would be told now with these Commands, and with another declaration if one is given. */
  desiredOf(key: string, commands: readonly Command[], declaration = this.#parts.declarations.of(key)): Omit<Desired, 'contracts'> {
    const wanted = serviceToCome(this.#records.get(key) ?? null, declaration, commands);
    const dependencies: Record<string, DependencyFact> = {};
    for (const { service } of wanted?.dependsOn ?? [])
      dependencies[service] = { declared: this.#parts.declarations.isDeclared(service), ready: isReady(this.#records.get(service)) };
    const { driftPolicy, files } = this.#parts.driftOf(wanted);
    return { service: key, declaration, dependencies, group: this.#groups.membersFor(wanted, key), driftPolicy, files, commands };
  }

  // What the Host says

  connected(_hostId: string, observations: readonly Observation[]): void {
    this.#connected = true;
    this.#observations.clear();
    this.#sent.clear();
    // The Host says each again; one that the store has let go of meanwhile is stored again.
    this.#knownContracts.clear();
    for (const observation of observations) this.#observations.set(observation.service, observation);
    this.queueAll();
    // What has no Record is to be forgotten. After all others: it may be the old name of one that has yet to claim its Instances.
    for (const { service } of observations) this.#queue.add(service);
    this.#gate();
  }

  observed(observation: Observation): void {
    if (!this.#records.has(observation.service)) return;
    this.#observations.set(observation.service, observation);
    this.#queue.add(observation.service);
    this.#parts.listener.changed(observation.service);
  }

  contract(contract: Contract): void {
    if (this.#knownContracts.has(contract.hash)) return;
    for (const service of this.#contracts.arrived(contract)) this.#queue.add(service);
    this.#inBackground('A contract was not stored', async () => {
      await this.#parts.store.saveContract(this.#parts.epoch, contract);
      this.#knownContracts.add(contract.hash);
    });
  }

  /** Rejects when it was not stored: the Host keeps it and says it again. */
  async usage(usage: readonly UsageDay[]): Promise<void> {
    try {
      await this.#parts.store.addUsage(this.#parts.epoch, usage);
    } catch (thrown) {
      if (!this.fencedBy(thrown)) this.#parts.listener.problem('Usage was not stored', thrown);
      throw thrown;
    }
  }

  disconnected(reason: string): void {
    this.#connected = false;
    this.#gate();
    // The Host has heard from a newer controller, whether or not that one has written to our store.
    if (reason.startsWith('StaleEpoch')) this.fencedBy(new FairleadError('StaleEpoch', reason));
  }

  #gate(): void {
    this.#queue.setOpen(this.#connected && this.#sourceHeard && !this.#fenced);
  }

  // One batch of passes

  /** A batch that could not be stored is tried again one by one, so that what cannot be stored of one service holds up no other. */
  async #work(keys: readonly string[]): Promise<void> {
    let failure = await this.#attempt(keys);
    if (failure === null) {
      this.#retryMs = firstRetryMs;
      return;
    }
    let failed: readonly string[] = keys;
    if (keys.length > 1 && !isFencing(failure.thrown)) {
      const still: string[] = [];
      for (const key of keys) {
        const again = await this.#attempt([key]);
        if (again === null) continue;
        failure = again;
        still.push(key);
      }
      failed = still;
    }
    if (failed.length > 0) this.#failed(failed, failure.thrown);
  }

  /** null when all of it is done; else nothing of it was stored or sent. */
  async #attempt(keys: readonly string[]): Promise<{ readonly thrown: unknown } | null> {
    const passes: Pass[] = [];
    try {
      for (const key of keys) {
        const pass = await this.#decide(key);
        if (pass !== null) passes.push(pass);
      }
      await this.#persist(passes);
    } catch (thrown) {
      // Commands that were read were not taken.
      for (const key of keys) this.#commanded.add(key);
      return { thrown };
    }
    for (const pass of passes) this.#execute(pass);
    return null;
  }

  async #decide(key: string): Promise<Pass | null> {
    const { declarations, store, clock, decide } = this.#parts;
    const successor = declarations.successorOf(key);
    if (successor !== null && this.#records.has(key) && !this.#records.has(successor)) {
      this.#queue.add(successor);
      return null;
    }
    const declaration = declarations.of(key);
    let before = this.#records.get(key) ?? null;
    let observation = this.#observations.get(key) ?? null;
    let adopts: ServiceRecord | null = null;
    if (before === null && (declaration.kind === 'declared' || declaration.kind === 'invalid')) {
      const archived = await store.archived(key);
      adopts = declaration.kind === 'declared' ? this.#adoptable(key, declaration.service.formerly) : null;
      if (adopts !== null) {
        before = adopt(adopts, key, archived);
        observation = asOf(this.#observations.get(adopts.service), key);
      } else if (archived !== null) {
        before = restoreArchived(archived, clock.now());
      }
    }
    const hashes = toCompare(before, observation);
    const contracts = hashes === null ? {} : await this.#contracts.load(key, hashes);
    const commands = this.#commanded.delete(key) ? await store.commands(key, before?.commandId ?? 0) : [];
    try {
      const decision = decide({ ...this.desiredOf(key, commands, declaration), contracts }, before, observation, clock.now());
      this.#brokenPasses.delete(key);
      return { key, before, decision, adopts };
    } catch (thrown) {
      this.#broken(key, thrown);
      return null;
    }
  }

  /** The Record that `formerly` names, when nobody declares it any more and nobody else is to have it. */
  #adoptable(key: string, formerly: string | null): ServiceRecord | null {
    if (formerly === null || this.#parts.declarations.successorOf(formerly) !== key) return null;
    return this.#records.get(formerly) ?? null;
  }

  /** Stores what the passes changed, all in one transaction; a pass that changed nothing writes nothing. */
  async #persist(passes: readonly Pass[]): Promise<void> {
    const now = this.#parts.clock.now();
    const changes = passes.flatMap((pass) => changesOf(pass, now));
    if (changes.length === 0) return;
    const events = await this.#parts.store.save(this.#parts.epoch, changes);
    if (events.length > 0) this.#parts.listener.events(events);
  }

  /** After the save: remembers, tells, sends. Sending what was sent is harmless, so a crash in here loses nothing. */
  #execute({ key, before, decision, adopts }: Pass): void {
    const { link, listener } = this.#parts;
    const wasReady = isReady(this.#records.get(key));
    const stood = this.#groups.standingOf(key);
    const peers = stood === null ? [] : this.#groups.peersOf(key);
    const { record, plan, archive } = decision;
    this.#remember(key, archive ? null : record);
    if (plan !== null && !archive) {
      if (this.#connected && this.#sent.get(key) !== plan.generation) {
        this.#sent.set(key, plan.generation);
        link.send(plan);
      }
    } else if (this.#observations.has(key) || this.#sent.has(key)) {
      this.#forget(key);
    }
    if (adopts !== null) {
      this.#remember(adopts.service, null);
      this.#forget(adopts.service);
      this.#queueDependants(adopts.service);
      listener.changed(adopts.service);
    }
    this.#queue.wake(key, archive ? null : decision.wakeAt);
    if (wasReady !== isReady(this.#records.get(key))) this.#queueDependants(key);
    if (stood !== this.#groups.standingOf(key)) for (const peer of peers) this.#queue.add(peer);
    if (archive || record !== before) listener.changed(key);
  }

  #forget(key: string): void {
    this.#sent.delete(key);
    this.#observations.delete(key);
    this.#parts.link.forget(key);
  }

  #remember(key: string, record: ServiceRecord | null): void {
    const before = this.#records.get(key);
    if (before?.desired !== record?.desired) {
      this.#groups.remember(key, before?.desired ?? null, record?.desired ?? null);
      for (const { service } of before?.desired?.dependsOn ?? []) this.#dependants.get(service)?.delete(key);
      for (const { service } of record?.desired?.dependsOn ?? []) {
        const dependants = this.#dependants.get(service) ?? new Set();
        this.#dependants.set(service, dependants.add(key));
      }
    }
    if (record === null) this.#records.delete(key);
    else this.#records.set(key, record);
  }

  #queueDependants(key: string): void {
    for (const dependant of this.#dependants.get(key) ?? []) this.#queue.add(dependant);
  }

  // What goes wrong

  /** Nothing of these was stored or sent: all of it again, after a while. */
  #failed(keys: readonly string[], thrown: unknown): void {
    if (this.fencedBy(thrown)) return;
    this.#parts.listener.problem('Nothing could be stored; nothing is sent until it can', thrown);
    const at = this.#parts.clock.now() + this.#retryMs;
    for (const key of keys) this.#queue.wake(key, at);
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
  }

  /** A defect of the heart on one service: told once, tried again, and no other service suffers. */
  #broken(key: string, thrown: unknown): void {
    const message = messageOf(thrown);
    this.#commanded.add(key);
    this.#queue.wake(key, this.#parts.clock.now() + longestRetryMs);
    if (this.#brokenPasses.get(key) === message) return;
    this.#brokenPasses.set(key, message);
    this.#parts.listener.problem(`The pass over ${key} broke`, thrown);
    void this.append([event(this.#parts.clock.now(), 'Warning', 'PassBroken', `A defect in Fairlead: ${message}`, key)]);
  }

  /** Stores Events that belong to no pass, and tells them; a failure is reported, not thrown. */
  async append(drafts: readonly EventDraft[]): Promise<void> {
    try {
      this.#parts.listener.events(await this.#parts.store.append(this.#parts.epoch, drafts));
    } catch (thrown) {
      if (!this.fencedBy(thrown)) this.#parts.listener.problem('An event was not stored', thrown);
    }
  }

  #inBackground(what: string, work: () => Promise<void>): void {
    work().catch((thrown: unknown) => {
      if (!this.fencedBy(thrown)) this.#parts.listener.problem(what, thrown);
    });
  }

  /** Whether that means that another controller writes now; if so this one stops, once. */
  fencedBy(thrown: unknown): boolean {
    if (!isFencing(thrown)) return false;
    if (!this.#fenced) {
      this.#fenced = true;
      this.#gate();
      this.#parts.listener.fenced(thrown);
    }
    return true;
  }
}

function isFencing(thrown: unknown): thrown is FairleadError {
  return thrown instanceof FairleadError && thrown.code === 'StaleEpoch';
}

function changesOf({ before, decision, adopts }: Pass, now: number): Change[] {
  const { record, events, archive } = decision;
  if (record === null || (record === before && events.length === 0 && !archive && adopts === null)) return [];
  const change = { record, events, archive };
  return adopts === null ? [change] : [{ record: leaveBehind(adopts, now), events: [], archive: true }, change];
}

function isReady(record: ServiceRecord | undefined): boolean {
  return record !== undefined && !record.deleting && record.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function asOf(observation: Observation | undefined, service: string): Observation | null {
  return observation === undefined ? null : { ...observation, service };
}

/** An Event that no pass of the heart says. */
export function event(
  at: number,
  type: EventDraft['type'],
  reason: string,
  message: string,
  service: string | null = null,
  more: { snapshot?: string | null; actor?: EventDraft['actor'] } = {},
): EventDraft {
  return { service, type, reason, message, at, revision: null, snapshot: more.snapshot ?? null, actor: more.actor ?? 'controller' };
}
