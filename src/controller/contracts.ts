/**
 * The Contracts that passes are told of: those that arrived lately, all others from the store. Remembers which service went
 * without one that it asked for, so that it can be passed over again once that arrives.
 */
import type { Contract } from '../model/contract.ts';
import type { Observation } from '../model/observation.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Store } from '../ports/store.ts';

const mostKept = 256;

/** The Contracts that a pass may hold against each other; null, which is the rule and costs nothing, where all that is named is one. */
export function toCompare(record: ServiceRecord | null, observation: Observation | null): ReadonlySet<string> | null {
  let first = record?.stableContract ?? null;
  let hashes: Set<string> | null = null;
  for (const { contract } of observation?.instances ?? []) {
    if (contract === null || contract === first) continue;
    if (first === null) first = contract;
    else hashes = (hashes ?? new Set([first])).add(contract);
  }
  return hashes;
}

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

  /** Those of these hashes that are known. What is not is told to `arrived` one day. */
  async load(service: string, hashes: ReadonlySet<string>): Promise<Readonly<Record<string, Contract>>> {
    const found: Record<string, Contract> = {};
    const missed: string[] = [];
    for (const hash of hashes) {
      const contract = this.#recent.get(hash) ?? (await this.#store.contract(hash));
      if (contract === null) missed.push(hash);
      else {
        this.#keep(contract);
        found[hash] = contract;
      }
    }
    if (missed.length > 0) this.#missed.set(service, missed);
    else this.#missed.delete(service);
    return found;
  }

  #keep(contract: Contract): void {
    this.#recent.delete(contract.hash);
    this.#recent.set(contract.hash, contract);
    if (this.#recent.size > mostKept) this.#recent.delete(this.#recent.keys().next().value!);
  }
}
