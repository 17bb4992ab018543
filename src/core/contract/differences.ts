/** Collects differences of two Contracts: counts all of them, keeps those that a person should see first. */
import type { ContractClass, ContractComparison, ContractDifference } from '../../model/contract.ts';

const kept = 50;
const ranks: Record<ContractClass, number> = { breaking: 0, review: 1, compatible: 2 };
const kinds: readonly ContractDifference['kind'][] = ['tool', 'prompt', 'resource', 'resourceTemplate'];

export class Differences {
  #count = 0;
  /** Never longer than twenty times what is kept, whatever a service sends. */
  #worst: ContractDifference[] = [];

  get count(): number {
    return this.#count;
  }

  add(difference: ContractDifference): void {
    this.#count += 1;
    this.#worst.push(difference);
    if (this.#worst.length >= 20 * kept) this.#worst = this.#sorted();
  }

  comparison(from: string, to: string): ContractComparison {
    const differences = this.#sorted();
    return { from, to, class: differences[0]?.class ?? null, differences, more: this.#count - differences.length };
  }

  #sorted(): ContractDifference[] {
    return this.#worst.toSorted(inOrder).slice(0, kept);
  }
}

function inOrder(a: ContractDifference, b: ContractDifference): number {
  return (
    ranks[a.class] - ranks[b.class] ||
    kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
    byCodeUnit(a.name, b.name) ||
    byCodeUnit(a.path, b.path) ||
    byCodeUnit(a.message, b.message)
  );
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
