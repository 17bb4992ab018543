/** Tables for people: upper-case headers, columns as wide as their widest cell, two spaces between, nothing at line ends. */
import { stripVTControlCharacters } from 'node:util';
import type { Paint } from './paint.ts';

export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => string;
  /** What --sort-by compares; the cell's text unless given. */
  readonly order?: (row: Row) => string | number;
  /** Applied to the finished cell, so that colours never count as width. */
  readonly tint?: (text: string, paint: Paint) => string;
  /** Shown with `-o wide` only. */
  readonly wide?: true;
}

/** Column widths that fit these rows and the headers. */
export function widthsOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number[] {
  return columns.map((column) => Math.max(column.header.length, ...rows.map((row) => oneLine(column.cell(row)).length)));
}

export function headerLine<Row>(columns: readonly Column<Row>[], widths: readonly number[], paint: Paint): string {
  return `${paint.bold(columns.map(({ header }, index) => pad(header, index, columns.length, widths)).join(''))}\n`;
}

/** One row as a line with its newline. A cell wider than its column pushes the rest to the right. */
export function rowLine<Row>(columns: readonly Column<Row>[], row: Row, widths: readonly number[], paint: Paint): string {
  const cells = columns.map((column, index) => {
    const text = oneLine(column.cell(row));
    return (column.tint?.(text, paint) ?? text) + pad(text, index, columns.length, widths).slice(text.length);
  });
  return `${cells.join('').trimEnd()}\n`;
}

/** A whole table. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], paint: Paint): string {
  const widths = widthsOf(columns, rows);
  return headerLine(columns, widths, paint) + rows.map((row) => rowLine(columns, row, widths, paint)).join('');
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

/** At most `length` characters, the last an ellipsis when something was cut. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1))}…`;
}

function pad(text: string, index: number, columns: number, widths: readonly number[]): string {
  return index === columns - 1 ? text : text.padEnd(widths[index]! + 2);
}
