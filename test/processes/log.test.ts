/** The log of a process, with room for it and without. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const fixture = join(import.meta.dirname, 'fixtures', 'logging.ts');
const patienceMs = 60_000;

it('writes a line of JSON for each entry to standard error', () => {
  const run = spawnSync(process.execPath, [fixture], { encoding: 'utf8', timeout: patienceMs });
  const entries = run.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { process: string; msg: string; err: { message: string } });
  expect(entries).toHaveLength(3);
  expect(entries[0]).toMatchObject({ process: 'host', msg: 'it happened', err: { message: 'trouble' } });
});

it('loses what there is no room for, and the process goes on and ends as it would', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const run = spawnSync(process.execPath, [fixture], { encoding: 'utf8', stdio: ['ignore', 'pipe', full], timeout: patienceMs });
    expect({ status: run.status, signal: run.signal, stdout: run.stdout }).toEqual({ status: 0, signal: null, stdout: 'goes on\n' });
  } finally {
    closeSync(full);
  }
});
