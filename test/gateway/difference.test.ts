import { describe, expect, it } from 'vitest';
import { firstDifference } from '../../src/gateway/difference.ts';

const answer = (result: unknown): string => JSON.stringify({ jsonrpc: '2.0', id: 1, result });
const failure = (code: number, message: string): string => JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code, message } });
const text = (words: string): unknown => ({ content: [{ type: 'text', text: words }] });

describe('two answers say the same', () => {
  it.each([
    [
      'whatever the order of their keys',
      '{"result":{"structuredContent":{"a":1,"b":[{"c":2,"d":3}]}}}',
      '{"result":{"structuredContent":{"b":[{"d":3,"c":2}],"a":1}}}',
    ],
    ['whatever their _meta', answer({ content: [{ type: 'text', text: 'a', _meta: { n: 1 } }], _meta: { n: 1 } }), answer(text('a'))],
    ['whether isError is false or not there', answer({ content: [], isError: false }), answer({ content: [] })],
    ['whatever members nobody has heard of', answer({ content: [], resultType: 'complete' }), answer({ content: [] })],
    ['when both are the same error in other words', failure(-32_602, 'no city'), failure(-32_602, 'city is missing')],
    ['whatever their ids', '{"id":1,"result":{"content":[]}}', '{"id":2,"result":{"content":[]}}'],
  ])('%s', (_why, stable, target) => {
    expect(firstDifference(stable, target)).toBeNull();
  });
});

describe('two answers differ', () => {
  it.each([
    ['in a text', answer(text('a')), answer(text('b')), { path: '/content/0/text', stable: '"a"', target: '"b"' }],
    [
      'in a type',
      answer({ structuredContent: { n: 1 } }),
      answer({ structuredContent: { n: '1' } }),
      { path: '/structuredContent/n', stable: '1', target: '"1"' },
    ],
    [
      'in a member that is missing',
      answer({ structuredContent: { n: 1 } }),
      answer({ structuredContent: {} }),
      { path: '/structuredContent/n', stable: '1', target: '(absent)' },
    ],
    [
      'in an element that is one too many',
      answer({ content: [] }),
      answer(text('x')),
      { path: '/content/0', stable: '(absent)', target: '{"type":"text","text":"x"}' },
    ],
    [
      'in the order of elements',
      answer({ structuredContent: { l: [1, 2] } }),
      answer({ structuredContent: { l: [2, 1] } }),
      { path: '/structuredContent/l/0', stable: '1', target: '2' },
    ],
    ['in isError', answer({ content: [] }), answer({ content: [], isError: true }), { path: '/isError', stable: 'false', target: 'true' }],
    [
      'in that one is a list',
      answer({ structuredContent: { l: [] } }),
      answer({ structuredContent: { l: {} } }),
      { path: '/structuredContent/l', stable: '[]', target: '{}' },
    ],
    [
      'under a key that a pointer must escape',
      answer({ structuredContent: { 'a/b~c': 1 } }),
      answer({ structuredContent: { 'a/b~c': 2 } }),
      { path: '/structuredContent/a~1b~0c', stable: '1', target: '2' },
    ],
    [
      'in that one is an error',
      answer({ structuredContent: 1 }),
      failure(-32_603, 'broken'),
      { path: '', stable: '{"structuredContent":1,"isError":false}', target: '{"code":-32603,"message":"broken"}' },
    ],
    [
      'in the code of their errors',
      failure(1, 'x'),
      failure(2, 'x'),
      { path: '', stable: '{"code":1,"message":"x"}', target: '{"code":2,"message":"x"}' },
    ],
  ])('%s', (_where, stable, target, difference) => {
    expect(firstDifference(stable, target)).toEqual(difference);
  });

  it('first where the first of them stands', () => {
    const [stable, target] = [
      { content: [{ type: 'text', text: 'a' }], structuredContent: 1 },
      { content: [{ type: 'text', text: 'b' }], structuredContent: 2 },
    ];
    expect(firstDifference(answer(stable), answer(target))?.path).toBe('/content/0/text');
  });

  it('at a depth that no recursion would survive', () => {
    const deep = (value: string): string => `{"result":{"structuredContent":${'['.repeat(50_000)}${value}${']'.repeat(50_000)}}}`;
    expect(firstDifference(deep('1'), deep('1 '))).toBeNull();
    expect(firstDifference(deep('1'), deep('2'))).toMatchObject({ stable: '1', target: '2' });
  });
});

describe('what is shown of a difference', () => {
  it('is at most 200 characters, around the place', () => {
    const words = 'the weather in the town '.repeat(50);
    const found = firstDifference(answer(text(`${words}is fine ${words}`)), answer(text(`${words}was fine ${words}`)))!;
    for (const value of [found.stable, found.target]) expect(value.length).toBeLessThanOrEqual(200);
    expect([found.stable, found.target]).toEqual([expect.stringContaining(' is fine'), expect.stringContaining(' was fine')]);
  });

  it.each([
    ['by its name', answer({ structuredContent: { apiKey: 'one' } }), answer({ structuredContent: { apiKey: 'two' } })],
    ['by a name in a text', answer(text('{"password":"one"}')), answer(text('{"password":"two"}'))],
    ['by its shape', answer(text('sk-oneoneoneoneoneoneone')), answer(text('sk-twotwotwotwotwotwotwo'))],
    [
      'by its shape, far into a text',
      answer(text(`${'word '.repeat(500)}sk-${'x'.repeat(90)}one`)),
      answer(text(`${'word '.repeat(500)}sk-${'x'.repeat(90)}two`)),
    ],
    [
      'by its shape, where the rest is cut',
      answer(text(`a ${'word '.repeat(37)}sk-${'one'.repeat(60)}`)),
      answer(text(`b ${'word '.repeat(37)}sk-${'two'.repeat(60)}`)),
    ],
  ])('is no secret: one known %s', (_how, stable, target) => {
    const found = firstDifference(stable, target)!;
    expect(JSON.stringify(found)).not.toMatch(/one|two|xxx/);
    expect(found.stable).toContain('****');
  });
});
