import { expect, it } from 'vitest';
import { hostOf, namesThisPlace } from '../../src/base/authority.ts';

it.each([
  ['localhost', 'localhost'],
  ['LocalHost:7400', 'localhost'],
  ['127.0.0.1:7400', '127.0.0.1'],
  ['[::1]:7400', '::1'],
  ['[::1]', '::1'],
  ['', null],
  ['[::1', null],
  ['::1', null],
  ['a:b', null],
  ['a:1:2', null],
])('the host of %j is %j', (authority, host) => expect(hostOf(authority)).toBe(host));

it.each(['localhost', 'localhost:1', '127.0.0.1', '192.168.1.7:7400', '[::1]:7400', '[fe80::1]', 'box.example', 'BOX.example:80'])(
  '%s names this place',
  (authority) => expect(namesThisPlace(authority, new Set(['box.example']))).toBe(true),
);

it.each(['', 'evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '[::1', '0x7f.1', 'box.example.evil', '127.1'])(
  '%j does not',
  (authority) => expect(namesThisPlace(authority, new Set(['box.example']))).toBe(false),
);
