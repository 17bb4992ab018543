/**
 * Tables for people: upper-case headers, columns as wide as their widest cell, two spaces between, nothing at line ends. Where
 * that is more than a terminal has, the widest columns give way, and what is cut ends in an ellipsis.
 */
import { stripVTControlCharacters } from 'node:util';
import type { Paint } from './paint.ts';
import { shorten, shortenStart, widthOf, type Screen } from './screen.ts';

const gap = 2;
/** No column becomes narrower than this, or than its header; a name keeps room for the end of a Revision's, `…7f3a9c21`. */
const narrowest = 6;
const narrowestName = 9;

export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => string;
  /** What --sort-by compares; the cell's text unless given. */
  readonly order?: (row: Row) => string | number;
  /** Applied to the finished cell, so that colours never count as width. */
  readonly tint?: (text: string, paint: Paint) => string;
  /** Shown with `-o wide` only. */
  readonly wide?: true;
  /** What becomes narrower first where a terminal is too narrow; a name then keeps its end, which tells it from others. */
  readonly yields?: 'text' | 'name';
  /** Reads differently as time goes by alone: no reason to print a row again. */
  readonly passing?: true;
}

/** Column widths that fit these rows and the headers, and the screen. */
export function widthsOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[], screen: Screen): number[] {
  const widths = columns.map((column) => Math.max(widthOf(column.header), ...rows.map((row) => widthOf(oneLine(column.cell(row))))));
  const room = screen.columns === null ? Number.POSITIVE_INFINITY : screen.columns - gap * (columns.length - 1);
  for (const among of [columns.map(({ yields }) => yields !== undefined), columns.map(() => true)]) {
    while (sum(widths) > room) {
      const spare = widths.map((width, index) => (among[index] && width > floorOf(columns[index]!) ? width : 0));
      const widest = spare.lastIndexOf(Math.max(...spare));
      if (spare[widest] === 0) break;
      widths[widest]! -= 1;
    }
  }
  return widths;
}

function floorOf<Row>({ header, yields }: Column<Row>): number {
  return Math.max(yields === 'name' ? narrowestName : narrowest, widthOf(header));
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, 0);
}

export function headerLine<Row>(columns: readonly Column<Row>[], widths: readonly number[], screen: Screen): string {
  return `${screen.paint.bold(columns.map(({ header }, index) => header + padding(header, index, widths)).join(''))}\n`;
}

/** One row as a line with its newline. In a pipe a cell wider than its column pushes the rest to the right. */
export function rowLine<Row>(columns: readonly Column<Row>[], row: Row, widths: readonly number[], screen: Screen): string {
  const cells = columns.map((column, index) => {
    const whole = oneLine(column.cell(row));
    const cut = column.yields === 'name' ? shortenStart : shorten;
    const text = screen.columns === null ? whole : cut(whole, widths[index]!);
    return (column.tint?.(text, screen.paint) ?? text) + padding(text, index, widths);
  });
  return `${cells.join('').trimEnd()}\n`;
}

/** A whole table. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], screen: Screen): string {
  const widths = widthsOf(columns, rows, screen);
  return headerLine(columns, widths, screen) + rows.map((row) => rowLine(columns, row, widths, screen)).join('');
}

/** What a row says apart from what time alone changes. */
export function standing<Row>(columns: readonly Column<Row>[], row: Row): string {
  return columns
    .filter(({ passing }) => passing !== true)
    .map((column) => column.cell(row))
    .join('\n');
}

/** Rows in the order of one column, named as its header in any case; null when there is no such column. */
export function sortBy<Row>(columns: readonly Column<Row>[], rows: readonly Row[], header: string): Row[] | null {
  const column = columns.find((candidate) => candidate.header.toLowerCase() === header.toLowerCase());
  if (column === undefined) return null;
  const key = column.order ?? column.cell;
  return rows.toSorted((a, b) => {
    const [x, y] = [key(a), key(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  });
}

/** Text of the world on one line, without anything that moves a cursor or hides what it says. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '\u{fffd}');
}

function padding(text: string, index: number, widths: readonly number[]): string {
  return index === widths.length - 1 ? '' : ' '.repeat(Math.max(0, widths[index]! - widthOf(text)) + gap);
}
