/**
 * The Contracts that passes are told of: those that arrived lately, all others from the store. Remembers which service went
 * without one that it asked for, so that it can be passed over again once that arrives.
 */
import type { Contract } from '../model/contract.ts';
import type { Observation } from '../model/observation.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Store } from '../ports/store.ts';

const mostKept = 256;
const none: Readonly<Record<string, Contract>> = {};

export class Contracts {
  readonly #store: Store;
  /** Least lately used first. */
  readonly #recent = new Map<string, Contract>();
  /** Service → hashes that it asked for and nobody knows. */
  readonly #missed = new Map<string, readonly string[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Keeps one that arrived; answers the services that asked for it before. */
  arrived(contract: Contract): readonly string[] {
    this.#keep(contract);
    const services = [...this.#missed].filter(([, hashes]) => hashes.includes(contract.hash)).map(([service]) => service);
    for (const service of services) this.#missed.delete(service);
    return services;
  }

  /** By hash, all that can be told apart in these facts; none where only one is named, which costs nothing. */
  async namedBy(record: ServiceRecord | null, observation: Observation | null): Promise<Readonly<Record<string, Contract>>> {
    const hashes = new Set(observation?.instances.flatMap(({ contract }) => contract ?? []));
    if (record !== null && record.stableContract !== null) hashes.add(record.stableContract);
    if (record === null || hashes.size < 2) return none;
    const found: Record<string, Contract> = {};
    const missed: string[] = [];
    for (const hash of hashes) {
      const contract = await this.of(hash);
      if (contract === null) missed.push(hash);
      else found[hash] = contract;
    }
    if (missed.length > 0) this.#missed.set(record.service, missed);
    else this.#missed.delete(record.service);
    return found;
  }

  async of(hash: string): Promise<Contract | null> {
    const contract = this.#recent.get(hash) ?? (await this.#store.contract(hash));
    if (contract !== null) this.#keep(contract);
    return contract;
  }

  #keep(contract: Contract): void {
    this.#recent.delete(contract.hash);
    this.#recent.set(contract.hash, contract);
    if (this.#recent.size > mostKept) this.#recent.delete(this.#recent.keys().next().value!);
  }
}
