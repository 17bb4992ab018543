import { describe, expect, it } from 'vitest';
import { redact } from '../../src/base/redact.ts';

describe('what looks like a secret', () => {
  it.each([
    ['a member by its name', '{"password":"hunter2, you see","user":"x"}', '{"password":****,"user":"x"}'],
    ['an assignment', 'apiKey=abcdef&x=1', 'apiKey=****&x=1'],
    ['a member of JSON in a text, and what follows', '{\\"token\\":\\"abc\\",\\"n\\":1}', '{\\"token\\":****'],
    ['a header', 'Authorization: Bearer abc.def', 'Authorization: **** ****'],
    ['a bearer token', 'curl with bearer abc.def now', 'curl with bearer **** now'],
    ['a password in an address', 'https://me:pw@host/x', 'https://me:****@host/x'],
    ['a key by its shape', 'is sk-aaaaaaaaaaaaaaaaaaaaaaaa, really', 'is ****, really'],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- after', '**** after'],
    ['a private key that is cut', 'x -----BEGIN PRIVATE KEY-----\nabc', 'x ****'],
    ['a value that is cut', '{"secret":"abc', '{"secret":****'],
  ])('is blotted out: %s', (_what, text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  it('leaves other words as they are', () => {
    const text = '{"city":"Bern","tags":["a","b"],"text":"tokens are counted here"}';
    expect(redact(text)).toBe(text);
  });
});
