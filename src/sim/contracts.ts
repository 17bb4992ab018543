/**
 * Simulated Contracts. One is a number of tools and a wording, so that what a change from one to another means can be
 * said without looking at how the heart compares them: fewer tools break, another wording wants a review, more tools
 * are compatible.
 */
import type { Contract, ContractClass } from '../model/contract.ts';
import type { Prng } from './prng.ts';

export interface Offer {
  readonly tools: number;
  readonly wording: number;
}

const mostTools = 4;

export function drawOffer(prng: Prng, before: Offer | null): Offer {
  const { tools, wording } = before ?? { tools: prng.between(2, 3), wording: 0 };
  const change = prng.weighted([
    ['same', 12],
    ['more', 2],
    ['reworded', 2],
    ['fewer', 2],
  ]);
  if (change === 'more') return { tools: Math.min(mostTools, tools + 1), wording };
  if (change === 'reworded') return { tools, wording: wording + 1 };
  if (change === 'fewer') return { tools: Math.max(1, tools - 1), wording };
  return { tools, wording };
}

/** Another one than it was: what a service that nobody pinned may come to offer from one moment to the next. */
export function driftedFrom({ tools, wording }: Offer, prng: Prng): Offer {
  return prng.chance(0.5) && tools > 1 ? { tools: tools - 1, wording } : { tools, wording: wording + 1 };
}

/** What a move from one to the other means to clients of the first; null: nothing differs. */
export function classOf(from: Offer, to: Offer): ContractClass | null {
  if (to.tools < from.tools) return 'breaking';
  if (to.wording !== from.wording) return 'review';
  return to.tools > from.tools ? 'compatible' : null;
}

/** Whether something of it wants a review, whatever else there is. */
export function wantsReview(from: Offer, to: Offer): boolean {
  return to.wording !== from.wording;
}

export function hashOf({ tools, wording }: Offer): string {
  return `contract-${tools}-${wording}`;
}

export function offerOf(hash: string): Offer {
  const [, tools, wording] = hash.split('-');
  return { tools: Number(tools), wording: Number(wording) };
}

const made = new Map<string, Contract>();

export function contractOf(hash: string): Contract {
  let contract = made.get(hash);
  if (contract === undefined) {
    const { tools, wording } = offerOf(hash);
    contract = {
      hash,
      tools: Array.from({ length: tools }, (_, index) => ({
        name: `tool-${index}`,
        description: `Tool ${index}, wording ${wording}.`,
        inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
      })),
      prompts: [],
      resources: [],
      resourceTemplates: [],
    };
    made.set(hash, contract);
  }
  return contract;
}
