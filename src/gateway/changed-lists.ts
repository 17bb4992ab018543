/** Which of its lists a service shows otherwise than before. */
import { canonicalJson } from '../base/hash.ts';
import type { Contract } from '../model/contract.ts';

export type ListKind = 'tools' | 'prompts' | 'resources';

/** Which lists differ between two Contracts. */
export function changedLists(before: Contract | null, after: Contract | null): ListKind[] {
  if (before?.hash === after?.hash) return [];
  const lists: Readonly<Record<ListKind, (contract: Contract | null) => unknown>> = {
    tools: (contract) => contract?.tools ?? [],
    prompts: (contract) => contract?.prompts ?? [],
    resources: (contract) => [contract?.resources ?? [], contract?.resourceTemplates ?? []],
  };
  return (Object.keys(lists) as ListKind[]).filter((kind) => canonicalJson(lists[kind](before)) !== canonicalJson(lists[kind](after)));
}
