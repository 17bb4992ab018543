/** Writing a `fairlead.lock`: what people wrote in it stays, and what comes out says what was asked for. */
import { describe, expect, it } from 'vitest';
import { editLocks, lockedIn } from '../../src/manifest/lock-edit.ts';
import { readLockFile } from '../../src/manifest/lock-file.ts';
import { bytesOf } from './compile.ts';

const one = 'a1'.repeat(32);
const two = 'b2'.repeat(32);
const edit = (text: string | null, changes: Readonly<Record<string, string | null>>): string =>
  editLocks(text, new Map(Object.entries(changes).map(([name, contract]) => [name, contract === null ? null : { contract }])));
const locksOf = (text: string) =>
  Object.fromEntries([...lockedIn('fairlead.lock', bytesOf(text))].map(([name, { contract }]) => [name, contract]));

describe('a lock that is written', () => {
  it('says where there was none what it is, and its entries in order', () => {
    const text = edit(null, { weather: one, files: two });
    expect(text).toBe(`# yaml-language-server: $schema=https://fairlead.dev/schemas/v1alpha1/lock.schema.json
# What was approved of each service. \`fairlead lock\` writes it; a pull request shows what changes.
apiVersion: fairlead.dev/v1alpha1
kind: Lock
services:
  files:
    contract: ${two}
  weather:
    contract: ${one}
`);
    expect(readLockFile('fairlead.lock', bytesOf(text)).issues).toEqual([]);
  });

  it('keeps comments, order and the way that others wrote their entries', () => {
    const before = `# Ours.
kind: Lock
apiVersion: fairlead.dev/v1alpha1

services:
  # Ada looked at it.
  weather: { contract: "${one}" } # twice
  files:
    contract: ${one}

  # The last.
  zoo:
    contract: ${one}
`;
    const after = edit(before, { files: two, weather: two });
    expect(after).toBe(before.replace(`"${one}"`, `"${two}"`).replace(`files:\n    contract: ${one}`, `files:\n    contract: ${two}`));
    expect(edit(before, {})).toBe(before);
  });

  it('takes a new entry in where its name sorts, and an old one out with what was said of it', () => {
    const before = edit(null, { a: one, c: one });
    expect(Object.keys(locksOf(edit(before, { b: two })))).toEqual(['a', 'b', 'c']);
    expect(Object.keys(locksOf(edit(before, { d: two })))).toEqual(['a', 'c', 'd']);
    expect(locksOf(edit(before, { a: null, b: two }))).toEqual({ b: two, c: one });
    expect(locksOf(edit(before, { a: null, c: null }))).toEqual({});
    expect(locksOf(edit(edit(before, { a: null, c: null }), { b: two }))).toEqual({ b: two });
  });

  it('of a file with comments alone, or with Windows line ends, is a good file', () => {
    expect(locksOf(edit('# later\n', { a: one }))).toEqual({ a: one });
    const windows = edit(edit(null, { a: one }).replaceAll('\n', '\r\n'), { a: two });
    expect(windows).toMatch(new RegExp(`contract: ${two}\r\n$`));
    expect(windows.replaceAll('\r\n', '')).not.toContain('\n');
  });

  it('of a hash that reads like a number is still a text', () => {
    const digits = '1'.repeat(64);
    expect(locksOf(edit(edit(null, { a: one }), { a: digits, b: digits }))).toEqual({ a: digits, b: digits });
  });

  it('changes one entry of two that share their text, and not the other', () => {
    const shared = edit(null, {}).replace('{}', `\n  a: &same { contract: ${one} }\n  b: *same`);
    expect(locksOf(shared)).toEqual({ a: one, b: one });
    expect(locksOf(edit(shared, { b: two }))).toEqual({ a: one, b: two });
  });

  it('is none where the file has an error: what changes would not be known', () => {
    const broken = edit(null, { a: one }).replace(one, 'nothing');
    expect(() => lockedIn('fairlead.lock', bytesOf(broken))).toThrow(
      expect.objectContaining({ code: 'Refused', message: expect.stringContaining('fairlead.lock:7:15: ') as unknown }),
    );
  });
});
