/** The texts of commits of Fairlead's own, whatever people give. */
import { describe, expect, it } from 'vitest';
import { commitMessage, personOf, trailerArguments } from '../../../src/sources/git/commit-words.ts';

describe('a message', () => {
  it.each([
    ['of a subject alone is one line', 'Weather', '', 'Weather\n'],
    ['has the body below an empty line', 'Weather', 'One.\n\nTwo.', 'Weather\n\nOne.\n\nTwo.\n'],
    ['has a subject of one line whatever it was', ' a\nb\r\n\tc ', '', 'a b c\n'],
    ['keeps the lines of its body, however they end', 'x', '\r\none\r\ntwo\u2028three  \n\n', 'x\n\none\ntwo\nthree\n'],
    [
      'has no control characters, and none that turn the direction of writing',
      'a\u0000b\u001b[31m',
      'x\u202ey\u0007\tz',
      'ab[31m\n\nxy    z\n',
    ],
    [
      'has no trailers that only Fairlead says of a commit',
      'Fairlead-Verb: x',
      'One.\n\nSigned-off-by: Ada\nFairlead-Verb: delete\n fairlead-requested-by : uid:0\nFairlead-x\nNo Fairlead-Verb: x',
      'Fairlead-Verb: x\n\nOne.\n\nSigned-off-by: Ada\n> Fairlead-Verb: delete\n>  fairlead-requested-by : uid:0\nFairlead-x\nNo Fairlead-Verb: x\n',
    ],
    ['keeps the letters and signs of all languages', 'Wetter für Köln 👩‍🚀', '天気', 'Wetter für Köln 👩‍🚀\n\n天気\n'],
  ])('%s', (_what, subject, body, message) => {
    expect(commitMessage({ subject, body })).toBe(message);
  });
});

describe('a trailer', () => {
  it('has a value of one line', () => {
    expect(trailerArguments([['Fairlead-Verb', 'apply\nOther: x']])).toEqual(['--trailer', 'Fairlead-Verb=apply Other: x']);
  });

  it.each(['', '-x', 'a b', 'a:b', 'a=b', 'a\nb'])('is refused with the key %j', (key) => {
    expect(() => trailerArguments([[key, 'x']])).toThrowError(expect.objectContaining({ code: 'Refused' }));
  });
});

describe('a person', () => {
  it.each([
    ['Ada Lovelace', 'ada@example.org', 'Ada Lovelace', 'ada@example.org'],
    ['Ada <eve@x> ', '<ada@example.org>\n', 'Ada eve@x', 'ada@example.org'],
    ['Ada\n Eve\u0000', 'a b@c', 'Ada Eve', 'ab@c'],
    ['Ada', '', 'Ada', ''],
  ])('%j <%j> is %j <%j> in a commit', (name, email, cleanName, cleanEmail) => {
    expect(personOf({ name, email })).toEqual({ name: cleanName, email: cleanEmail });
  });

  it.each(['', ' ', '<>', '...', '\u0007', `";'`])('with the name %j is refused, and told where to set one', (name) => {
    expect(() => personOf({ name, email: 'a@b' })).toThrowError(
      expect.objectContaining({ code: 'Refused', data: { next: expect.stringContaining('user.name') } }),
    );
  });
});
