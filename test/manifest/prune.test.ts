/** The prune guard, a row a decision. */
import { describe, expect, it } from 'vitest';
import { heldDeletions, type MaxDeletions } from '../../src/manifest/prune.ts';

const names = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);

describe('deletions all at once', () => {
  it.each<[string, { recorded: number; missing: number; empty?: boolean; max?: MaxDeletions; held: boolean }]>([
    ['none of ten', { recorded: 10, missing: 0, held: false }],
    ['half of ten', { recorded: 10, missing: 5, held: false }],
    ['more than half of ten', { recorded: 10, missing: 6, held: true }],
    ['three of four: the least that may always go', { recorded: 4, missing: 3, held: false }],
    ['four of four, with a template left', { recorded: 4, missing: 4, held: true }],
    ['the only one, with nothing left', { recorded: 1, missing: 1, empty: true, held: true }],
    ['nothing, with nothing left', { recorded: 0, missing: 0, empty: true, held: false }],
    ['two, where one may go', { recorded: 10, missing: 2, max: { count: 1 }, held: true }],
    ['one, where none may go', { recorded: 10, missing: 1, max: { count: 0 }, held: true }],
    ['all, with the guard off', { recorded: 9, missing: 9, empty: true, max: { share: 1 }, held: false }],
  ])('%s', (_, { recorded, missing, empty = false, max, held }) => {
    const facts = { recorded: names(recorded), missing: names(missing), empty };
    expect(heldDeletions(facts, max)).toEqual(held ? names(missing) : []);
  });
});
