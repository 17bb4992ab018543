/** Patterns of names held against each other; what they say is what trying names says. */
import { check, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, fits, overlap } from '../../src/base/pattern.ts';

describe('two patterns', () => {
  it.each([
    ['get_*', 'get_weather', true],
    ['get_*', '*_weather', true],
    ['get_*', 'read_*', false],
    ['*_file', '*_folder', false],
    ['get', 'get', true],
    ['get', 'set', false],
    ['a*a', 'a', false],
    ['*', '*', true],
  ])('%s and %s have a name in common: %s', (a, b, expected) => {
    expect([overlap(a, b), overlap(b, a)]).toEqual([expected, expected]);
  });

  it.each([
    ['*', 'get_*', true],
    ['get_*', 'get_w*', true],
    ['get_w*', 'get_*', false],
    ['a*c', 'a*b*c', true],
    ['get', 'get', true],
  ])('%s covers %s: %s', (wide, narrow, expected) => expect(covers(wide, narrow)).toBe(expected));

  it('say of short names what trying them all says', () => {
    const names = [
      '',
      ...['a', 'b'].flatMap((one) => [one, ...['a', 'b'].flatMap((two) => [one + two, `${one}${two}a`, `${one}${two}b`])]),
    ];
    const pattern = string({ unit: constantFrom('a', 'b', '*'), maxLength: 3 });
    const wrong = (a: string, b: string) => {
      const common = names.some((name) => fits(a, name) && fits(b, name));
      const beyond = names.some((name) => fits(b, name) && !fits(a, name));
      return (common && !overlap(a, b)) || (beyond && covers(a, b));
    };
    const outcome = check(property(pattern, pattern, (a, b) => !wrong(a, b)));
    expect(outcome.counterexample).toBeNull();
  });
});
