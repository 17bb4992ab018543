/** The terminal of a process: a real one whose standard output has no reader, or no room; and when it has colours. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { paintFor } from '../../src/cli/terminal.ts';
import { inColour, plain } from '../../src/cli/view/paint.ts';

const fixture = join(import.meta.dirname, 'fixtures', 'writer.ts');
const opened: number[] = [];
afterEach(() => opened.splice(0).forEach(closeSync));

/** Runs the fixture with a standard output of that kind; resolves with how it ended and what it said on standard error. */
async function run(output: 'unread' | 'full', ...argv: string[]): Promise<{ code: number | null; err: string }> {
  const full = openSync('/dev/full', 'w');
  opened.push(full);
  const child = spawn(process.execPath, [fixture, ...argv], { stdio: ['ignore', output === 'full' ? full : 'pipe', 'pipe'] });
  child.stdout?.destroy();
  let err = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, err };
}

describe('a verb', () => {
  it('ends in peace when its reader went away', async () => {
    expect(await run('unread')).toEqual({ code: 0, err: '' });
  });

  it('says so when there is no room for its words', async () => {
    const { code, err } = await run('full');
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*ENOSPC.*\n$/);
  });
});

describe('what takes interrupts, to end in order', () => {
  it.each(['unread', 'full'] as const)('goes on with an output that is %s', async (output) => {
    expect(await run(output, 'in-order')).toEqual({ code: 7, err: 'goes on\n' });
  });
});

it.each([
  ['a terminal', true, {}, inColour],
  ['a pipe', false, {}, plain],
  ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, plain],
  ['a terminal with an empty NO_COLOR, which says nothing', true, { NO_COLOR: '' }, inColour],
  ['a dumb terminal', true, { TERM: 'dumb' }, plain],
  ['a pipe with FORCE_COLOR', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, inColour],
  ['a terminal with FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, plain],
] as const)('colours on %s', (_words, isTerminal, env, paint) => {
  expect(paintFor(isTerminal, env)).toBe(paint);
});
