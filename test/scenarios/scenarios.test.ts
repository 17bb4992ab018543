/**
 * Each `.scenario` file tells a hard case and what is seen in it. They are played and must come to the same text;
 * `npm run scenarios` writes anew what was seen, to be read before it is committed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { play } from './script.ts';

const folder = new URL('./', import.meta.url);
const rewrite = process.env['REWRITE_SCENARIOS'] === '1';

const files = readdirSync(folder).filter((name) => name.endsWith('.scenario'));

it.each(files)('%s', (name) => {
  const file = new URL(name, folder);
  const before = readFileSync(file, 'utf8');
  const after = play(before);
  if (rewrite && after !== before) writeFileSync(file, after);
  expect(after).toBe(rewrite ? after : before);
});

it('every rule of rollouts has its scenario', () => {
  for (let rule = 1; rule <= 16; rule++) expect(files.some((name) => name.startsWith(String(rule).padStart(2, '0')))).toBe(true);
});
