/**
 * A store in memory with the behaviour of the durable ones, epochs and bounds included: for the simulator and for tests.
 * What is handed in and out is shared, not copied: everything in the model is immutable.
 */
import type { Command, CommandKind } from '../model/command.ts';
import type { Contract } from '../model/contract.ts';
import type { Event, EventDraft } from '../model/event.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Change, EventQuery, RevisionSource, Store, UsageDay } from '../ports/store.ts';
import { FairleadError } from '../base/error.ts';
import { contractsInAll, eventsInAll, eventsOfOneQuery, eventsOfOneService, pruneEvery, revisionSourcesOfOneService } from './bounds.ts';

export function createMemoryStore(mostContracts = contractsInAll): Store {
  return new MemoryStore(mostContracts);
}

class MemoryStore implements Store {
  #epoch = 0;
  #lastSeq = 0;
  #lastCommandId = 0;
  #sincePrune = 0;
  #commands: Command[] = [];
  #events: Event[] = [];
  readonly #records = new Map<string, ServiceRecord>();
  readonly #archive = new Map<string, ServiceRecord>();
  readonly #revisionSources = new Map<string, RevisionSource[]>();
  readonly #contracts = new Map<string, Contract>();
  readonly #usage = new Map<string, UsageDay>();
  readonly #settings = new Map<string, string>();
  readonly #mostContracts: number;

  constructor(mostContracts: number) {
    this.#mostContracts = mostContracts;
  }

  async takeEpoch(): Promise<number> {
    return ++this.#epoch;
  }

  async records(): Promise<ServiceRecord[]> {
    return [...this.#records.values()].sort((a, b) => (a.service < b.service ? -1 : 1));
  }

  async archived(service: string): Promise<ServiceRecord | null> {
    return this.#archive.get(service) ?? null;
  }

  async save(epoch: number, changes: readonly Change[]): Promise<Event[]> {
    this.#fence(epoch);
    for (const { record, archive } of changes) {
      if (archive) {
        this.#records.delete(record.service);
        this.#archive.set(record.service, record);
      } else {
        this.#records.set(record.service, record);
        this.#archive.delete(record.service);
      }
      this.#commands = this.#commands.filter(
        (command) => command.service !== record.service || (command.id > record.commandId && !archive),
      );
    }
    return this.#number(changes.flatMap((change) => change.events));
  }

  async append(epoch: number, drafts: readonly EventDraft[]): Promise<Event[]> {
    this.#fence(epoch);
    return this.#number(drafts);
  }

  async events(query: EventQuery): Promise<Event[]> {
    const limit = Math.min(query.limit ?? eventsOfOneQuery, eventsOfOneQuery);
    const matching = this.#events.filter(
      (event) => event.seq > (query.after ?? 0) && (query.service === undefined || event.service === query.service),
    );
    return limit === 0 ? [] : matching.slice(-limit);
  }

  async addCommand(epoch: number, command: { service: string; kind: CommandKind; uid: number; at: number }): Promise<Command> {
    this.#fence(epoch);
    const stored = { id: ++this.#lastCommandId, ...command };
    this.#commands.push(stored);
    return stored;
  }

  async commands(service: string, after: number): Promise<Command[]> {
    return this.#commands.filter((command) => command.service === service && command.id > after);
  }

  async saveRevisionSources(epoch: number, sources: readonly RevisionSource[]): Promise<void> {
    this.#fence(epoch);
    for (const source of sources) {
      const others = (this.#revisionSources.get(source.service) ?? []).filter((other) => other.revision !== source.revision);
      const newestFirst = [source, ...others].sort((a, b) => b.at - a.at || (a.revision < b.revision ? -1 : 1));
      this.#revisionSources.set(source.service, newestFirst.slice(0, revisionSourcesOfOneService));
    }
  }

  async revisionSource(service: string, revision: string): Promise<RevisionSource | null> {
    return this.#revisionSources.get(service)?.find((source) => source.revision === revision) ?? null;
  }

  async saveContract(epoch: number, contract: Contract): Promise<void> {
    this.#fence(epoch);
    if (!this.#contracts.has(contract.hash)) this.#contracts.set(contract.hash, contract);
    for (const [hash, old] of this.#contracts) {
      if (this.#contracts.size <= this.#mostContracts) break;
      this.#contracts.delete(hash);
      const named = [...this.#records.values()].some((record) => JSON.stringify(record).includes(`"${hash}"`));
      // Into a new turn: as long as a Record names it, Rollouts are held against it.
      if (!named) break;
      this.#contracts.set(hash, old);
    }
  }

  async contract(hash: string): Promise<Contract | null> {
    return this.#contracts.get(hash) ?? null;
  }

  async addUsage(epoch: number, usage: readonly UsageDay[]): Promise<void> {
    this.#fence(epoch);
    for (const day of usage) {
      const key = JSON.stringify([day.day, day.service, day.tool]);
      const before = this.#usage.get(key) ?? { ...day, calls: 0, errors: 0, latencySumMs: 0 };
      this.#usage.set(key, {
        ...before,
        calls: before.calls + day.calls,
        errors: before.errors + day.errors,
        latencySumMs: before.latencySumMs + day.latencySumMs,
      });
    }
  }

  async usage(service: string | null, sinceDay: string): Promise<UsageDay[]> {
    return [...this.#usage.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, day]) => day)
      .filter((day) => day.day >= sinceDay && (service === null || day.service === service));
  }

  async saveSetting(epoch: number, key: string, value: string | null): Promise<void> {
    this.#fence(epoch);
    if (value === null) this.#settings.delete(key);
    else this.#settings.set(key, value);
  }

  async setting(key: string): Promise<string | null> {
    return this.#settings.get(key) ?? null;
  }

  async backup(): Promise<void> {
    throw new FairleadError('Refused', 'A store in memory has nothing to back up.');
  }

  async close(): Promise<void> {}

  #fence(epoch: number): void {
    if (epoch !== this.#epoch)
      throw new FairleadError('StaleEpoch', `Epoch ${epoch} was followed by ${this.#epoch}.`, { data: { epoch, current: this.#epoch } });
  }

  #number(drafts: readonly EventDraft[]): Event[] {
    const events = drafts.map((draft) => ({ seq: ++this.#lastSeq, ...draft }));
    this.#events.push(...events);
    this.#sincePrune += events.length;
    if (this.#sincePrune >= pruneEvery) this.#prune();
    return events;
  }

  #prune(): void {
    this.#sincePrune = 0;
    const counts = new Map<string | null, number>();
    const kept: Event[] = [];
    for (const event of this.#events.toReversed()) {
      const count = (counts.get(event.service) ?? 0) + 1;
      counts.set(event.service, count);
      if (count <= eventsOfOneService && kept.length < eventsInAll) kept.push(event);
    }
    this.#events = kept.reverse();
  }
}
