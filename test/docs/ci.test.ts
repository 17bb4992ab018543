/** What CI installs is what tests need. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { partners } from '../fixtures/partners.ts';

test('.ci/run installs every package that a test needs, and no other', () => {
  const script = readFileSync(join(import.meta.dirname, '../../.ci/run'), 'utf8');
  const installed = /for package in ([^;]+);/.exec(script)![1]!.split(' ');
  expect(installed).toEqual(Object.keys(partners).sort());
});
