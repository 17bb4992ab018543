/**
 * Where a view is shown, and how text is made to fit there. Widths are those of a terminal: a wide character counts two, a
 * colour nothing. In a pipe nothing is drawn, cut or wrapped.
 */
import measure from 'fast-string-truncated-width';
import { wrapAnsi } from 'fast-wrap-ansi';
import type { Paint } from './paint.ts';

export interface Screen {
  readonly paint: Paint;
  /** Width of the terminal; null in a pipe. */
  readonly columns: number | null;
}

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  return measure(text).width;
}

/**
 * At most `width` columns of a text, the last an ellipsis when something was cut. For text without colours. The library
 * measures well but cuts too late where ASCII follows other characters.
 */
export function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let left = width - 1;
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    left -= widthOf(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** The same with the beginning cut off instead of the end: `…-7f3a9c21`. */
export function shortenStart(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const characters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  while (characters.length > 0 && widthOf(characters.join('')) >= width) characters.shift();
  return `…${characters.join('')}`;
}

/** Lines none of which is wider than the screen: what is too long goes on below, `hang` columns further in than it began. */
export function fit(text: string, columns: number | null, hang = 2): string {
  if (columns === null) return text;
  return text
    .split('\n')
    .map((line) => (widthOf(line) <= columns ? line : wrapped(line, columns, hang)))
    .join('\n');
}

function wrapped(line: string, columns: number, hang: number): string {
  const half = Math.floor(columns / 2);
  const before = Math.min(line.length - line.trimStart().length, half);
  const indent = ' '.repeat(Math.min(before + hang, half));
  const lines = wrapAnsi(line.trimStart(), columns - indent.length, { hard: true }).split('\n');
  return lines.map((part, index) => (index === 0 ? ' '.repeat(before) : indent) + part).join('\n');
}
