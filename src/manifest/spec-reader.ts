/** Reads typed values of a resolved spec; what is wrong with one is noted, and a stand-in is given so that reading goes on. */
import { parseDuration } from '../base/duration.ts';
import type { IssueCode } from '../model/issue-codes.ts';
import type { Segment } from './place.ts';
import { show, type Finding } from './schema.ts';
import { parseFactor, parseShare, parseSize } from './units.ts';

type Path = readonly Segment[];

/** Longest duration: what a timer can hold, 24.8 days. */
const maxDurationMs = 2 ** 31 - 1;

export class SpecReader {
  readonly findings: Finding[] = [];

  report(code: IssueCode, message: string, path: Path, expected?: string, suggestion?: string | null): void {
    this.#note('error', code, message, path, expected, suggestion);
  }

  warn(code: IssueCode, message: string, path: Path, expected?: string, suggestion?: string | null): void {
    this.#note('warning', code, message, path, expected, suggestion);
  }

  #note(severity: Finding['severity'], code: IssueCode, message: string, path: Path, expected?: string, suggestion?: string | null): void {
    this.findings.push({
      code,
      severity,
      message,
      path,
      ...(expected === undefined ? {} : { expected }),
      ...(suggestion === undefined || suggestion === null ? {} : { suggestion }),
    });
  }

  /** Milliseconds, `leastMs` at least. */
  duration(text: string | undefined, otherwise: number, path: Path, leastMs = 1): number {
    if (text === undefined) return otherwise;
    const ms = parseDuration(text);
    if (ms === null) this.report('InvalidDuration', `${show(text)} is not a duration.`, path, 'a duration with a unit, such as 30s');
    else if (ms < leastMs || ms > maxDurationMs) {
      const least = leastMs > 1 ? `${leastMs}ms at least` : leastMs === 1 ? 'more than 0' : '0s or more';
      this.report('OutOfRange', `${show(text)} is out of range.`, path, `${least}, at most 24d`);
    }
    return ms ?? otherwise;
  }

  integer(value: number | string | undefined, otherwise: number, path: Path): number {
    return this.#number(value, path, 'a whole number') ?? otherwise;
  }

  /** Any finite number; null when there is none. */
  number(value: number | string | undefined, path: Path): number | null {
    return this.#number(value, path, 'a number');
  }

  #number(value: number | string | undefined, path: Path, expected: string): number | null {
    if (value === undefined || typeof value === 'number') return value ?? null;
    this.report('WrongType', `${show(value)} is text.`, path, expected);
    return null;
  }

  size(value: number | string | undefined, otherwise: number, path: Path): number {
    const bytes = value === undefined ? otherwise : parseSize(value);
    if (bytes === null) this.report('InvalidSize', `${show(value)} is not a size.`, path, 'a size such as 10Mi');
    return bytes ?? otherwise;
  }

  /** In 0..1; null when there is none. */
  percentage(text: string | undefined, path: Path): number | null {
    if (text === undefined) return null;
    const share = parseShare(text);
    if (share === null) this.report('InvalidShare', `${show(text)} is not a share.`, path, 'a share from 0% to 100%, such as 2%');
    return share;
  }

  /** 1 or more; null when there is none. */
  factor(text: string | undefined, path: Path): number | null {
    if (text === undefined) return null;
    const factor = parseFactor(text);
    const expected = 'a factor of 1x or more, such as 1.5x';
    if (factor === null) this.report('InvalidFactor', `${show(text)} is not a factor.`, path, expected);
    else if (factor < 1) this.report('OutOfRange', `${show(text)} would ask the target to be better than stable.`, path, expected);
    return factor;
  }

  /** An http or https address without credentials. */
  address(url: string, path: Path, expected: string): void {
    if (!URL.canParse(url)) this.report('InvalidUrl', `${show(url)} is not an address.`, path, expected);
    else if (new URL(url).username !== '' || new URL(url).password !== '')
      this.report('LiteralSecret', 'The address has a user or password in it.', path, 'an address without credentials');
  }

  unique(names: readonly string[], path: Path): void {
    for (const [index, name] of names.entries())
      if (names.indexOf(name) !== index) this.report('DuplicateName', `\`${name}\` is there twice.`, [...path, index], 'each name once');
  }
}
