import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { contractLines } from '../../../src/cli/view/contract.ts';
import { inColour } from '../../../src/cli/view/paint.ts';
import type { ContractComparison } from '../../../src/model/contract.ts';

const comparison: ContractComparison = {
  from: 'a',
  to: 'b',
  class: 'breaking',
  differences: [
    { class: 'breaking', kind: 'tool', name: 'add', path: '/inputSchema/required', message: 'parameter b is now required' },
    {
      class: 'review',
      kind: 'resourceTemplate',
      name: 'file:///{path}',
      path: '/mimeType',
      message: 'mimeType changed: none → "text/plain"',
    },
    { class: 'compatible', kind: 'prompt', name: 'greet\n\u001b[31mred\u202e', path: '', message: 'added' },
  ],
  more: 7,
};

test('a line each with its class as a word, and how many more there are', () => {
  expect(contractLines(comparison)).toEqual([
    'breaking    tool add: parameter b is now required',
    'review      resource template file:///{path}: mimeType changed: none → "text/plain"',
    'compatible  prompt greet \u{fffd}[31mred\u{fffd}: added',
    'and 7 more',
  ]);
});

test('in colour it says the same words, each class in a colour of its own', () => {
  const lines = contractLines(comparison, inColour);
  expect(lines.map((line) => stripVTControlCharacters(line))).toEqual(contractLines(comparison));
  expect(new Set(lines.map((line) => line.slice(0, 5))).size).toBe(4);
});

test('no difference, no line', () => {
  expect(contractLines({ from: 'a', to: 'a', class: null, differences: [], more: 0 })).toEqual([]);
});
