import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../src/base/line-splitter.ts';

function split(chunks: readonly string[], maxLineBytes = 100): { lines: string[]; whole: boolean } {
  const splitter = new LineSplitter(maxLineBytes);
  const lines: string[] = [];
  let whole = true;
  for (const chunk of chunks) whole = splitter.push(Buffer.from(chunk), (line) => lines.push(line.toString()));
  return { lines, whole };
}

describe('cutting bytes into lines', () => {
  it.each([
    ['a line in one chunk', ['one\n'], ['one']],
    ['lines across chunks', ['on', 'e\ntw', 'o\nthr'], ['one', 'two']],
    ['Windows line ends, cut anywhere', ['one\r', '\ntwo\r\n'], ['one', 'two']],
    ['empty lines', ['\n\none\n\r\n'], ['one']],
    ['a newline alone in a chunk', ['one', '\n'], ['one']],
  ])('%s', (_, chunks, lines) => {
    expect(split(chunks)).toEqual({ lines, whole: true });
  });

  it('puts a character together that was cut between chunks', () => {
    const splitter = new LineSplitter(100);
    const lines: string[] = [];
    const bytes = Buffer.from('ü€\n');
    for (const byte of bytes) splitter.push(Buffer.from([byte]), (line) => lines.push(line.toString('utf8')));
    expect(lines).toEqual(['ü€']);
  });

  it('takes a line of just the limit, and stops for good at one byte more', () => {
    expect(split(['x'.repeat(100), '\nnext\n'])).toEqual({ lines: ['x'.repeat(100), 'next'], whole: true });
    expect(split(['first\n', 'x'.repeat(99), 'xx', '\nnext\n'])).toEqual({ lines: ['first'], whole: false });
  });

  it('keeps nothing of a line that is too long', () => {
    const splitter = new LineSplitter(10);
    splitter.push(Buffer.alloc(8), () => {});
    expect(splitter.pendingBytes).toBe(8);
    expect(splitter.push(Buffer.alloc(8), () => {})).toBe(false);
  });

  it('copies each byte of a line of many chunks once', () => {
    const splitter = new LineSplitter(64 << 20);
    let length = 0;
    const chunk = Buffer.alloc(1_024, 'x');
    // 32 MiB in chunks of 1 KiB: a copy of everything before for each chunk would be half a terabyte.
    for (let n = 0; n < 32_768; n++) splitter.push(chunk, () => {});
    splitter.push(Buffer.from('\n'), (line) => (length = line.length));
    expect(length).toBe(32 << 20);
  });
});
