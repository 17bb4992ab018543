/** Which of its lists a service shows otherwise than before. */
import { canonicalJson } from '../base/hash.ts';
import type { Contract } from '../model/contract.ts';

export type ListKind = 'tools' | 'prompts' | 'resources';

const lists: Readonly<Record<ListKind, (contract: Contract) => readonly unknown[]>> = {
  tools: ({ tools }) => tools,
  prompts: ({ prompts }) => prompts,
  resources: ({ resources, resourceTemplates }) => [...resources, ...resourceTemplates],
};
const kinds = Object.keys(lists) as ListKind[];

/** What was found out, by the one Contract and the other: many clients move between the same two. */
const known = new WeakMap<Contract, WeakMap<Contract, readonly ListKind[]>>();

/** Which lists differ between two Contracts; null is one without anything. */
export function changedLists(before: Contract | null, after: Contract | null): readonly ListKind[] {
  if (before?.hash === after?.hash) return [];
  if (before === null || after === null) return kinds.filter((kind) => lists[kind]((before ?? after)!).length > 0);
  const from = known.get(before) ?? new WeakMap<Contract, readonly ListKind[]>();
  known.set(before, from);
  const found = from.get(after) ?? kinds.filter((kind) => canonicalJson(lists[kind](before)) !== canonicalJson(lists[kind](after)));
  from.set(after, found);
  return found;
}
