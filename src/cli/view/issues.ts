/** Issues of manifests for people (with the line they speak of) and for machines (JSON, GitHub annotations, JUnit). Pure. */
import { plural } from '../../base/plural.ts';
import type { Issue } from '../../model/issue.ts';
import type { Paint } from './paint.ts';
import { oneLine } from './table.ts';

/** Lines of a file by its path; undefined where the text cannot be shown. */
export type LinesOf = (file: string) => readonly string[] | undefined;

const contextLines = 2;
const widestLine = 160;

export interface Counted {
  readonly errors: number;
  readonly warnings: number;
}

export function count(issues: readonly Issue[]): Counted {
  const of = (severity: Issue['severity']): number => issues.filter((issue) => issue.severity === severity).length;
  return { errors: of('error'), warnings: of('warning') };
}

/** One Issue: place and words; `frame` adds the source lines around it with a mark under the column. */
export function issueText(issue: Issue, paint: Paint, linesOf: LinesOf | null): string {
  const tone = issue.severity === 'error' ? paint.bad : issue.severity === 'warning' ? paint.warn : paint.dim;
  const place = paint.bold(`${oneLine(issue.file)}:${issue.line}:${issue.column}`);
  const field = issue.path === '' || issue.message.includes(issue.path) ? '' : ` ${oneLine(issue.path)}:`;
  const lines = [`${place} ${tone(issue.severity)}${field} ${oneLine(issue.message)} ${paint.dim(`(${issue.code})`)}`];
  const source = linesOf?.(issue.file);
  if (source !== undefined) lines.push(...frame(source, issue, paint));
  if (issue.expected !== undefined) lines.push(`  expected: ${oneLine(issue.expected)}`);
  if (issue.suggestion !== undefined) lines.push(`  did you mean ${paint.good(oneLine(issue.suggestion))}?`);
  return `${lines.join('\n')}\n`;
}

function frame(source: readonly string[], issue: Issue, paint: Paint): string[] {
  const first = Math.max(1, issue.line - contextLines);
  const last = Math.min(source.length, issue.line + contextLines);
  const gutter = String(last).length;
  const lines: string[] = [];
  for (let line = first; line <= last; line++) {
    const text = visible(source[line - 1]!.slice(0, widestLine));
    const marked = line === issue.line;
    lines.push(`${marked ? paint.bad('>') : ' '} ${paint.dim(`${String(line).padStart(gutter)} |`)} ${text}`.trimEnd());
    if (marked && issue.column <= widestLine)
      lines.push(`  ${' '.repeat(gutter)} ${paint.dim('|')} ${' '.repeat(Math.max(0, issue.column - 1))}${paint.bad('^')}`);
  }
  return lines;
}

/** A source line with every character one column wide and none that hides others. */
function visible(text: string): string {
  return text.replaceAll('\t', ' ').replaceAll(/[\p{Cc}\p{Cf}]/gu, '\u{fffd}');
}

export function summaryText(services: number, files: number, counted: Counted, paint: Paint): string {
  const { errors, warnings } = counted;
  const found = `${plural(files, 'file')}, ${plural(services, 'valid service')}`;
  const told = warnings === 0 ? '' : `, ${paint.warn(plural(warnings, 'warning'))}`;
  return errors === 0
    ? `${paint.good('valid')}: ${found}${told}\n`
    : `${paint.bad(`invalid: ${plural(errors, 'error')}`)}${told}; ${found}\n`;
}

/** Workflow commands that GitHub shows beside the lines of a pull request. */
export function githubText(issues: readonly Issue[]): string {
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
  const words = { error: 'error', warning: 'warning', note: 'notice' } as const;
  return issues
    .map(
      ({ severity, file, line, column, code, path, message, suggestion }) =>
        `::${words[severity]} file=${property(file)},line=${line},col=${column},title=${property(code)}::${data(`${path === '' ? '' : `${path}: `}${message}${suggestion === undefined ? '' : ` Did you mean ${suggestion}?`}`)}\n`,
    )
    .join('');
}

/** One test case a file; errors are failures, warnings and notes are in its output. */
export function junitText(files: readonly string[], issues: readonly Issue[]): string {
  const cases = files.map((file) => {
    const own = issues.filter((issue) => issue.file === file);
    const failures = own
      .filter(({ severity }) => severity === 'error')
      .map(
        (issue) =>
          `    <failure type="${xml(issue.code)}" message="${xml(`${issue.line}:${issue.column} ${issue.path} ${issue.message}`)}"/>\n`,
      );
    const others = own
      .filter(({ severity }) => severity !== 'error')
      .map((issue) => `${issue.severity}: ${issue.line}:${issue.column} ${issue.path} ${issue.message} (${issue.code})`);
    const output = others.length === 0 ? '' : `    <system-out>${xml(others.join('\n'))}</system-out>\n`;
    return `  <testcase classname="manifests" name="${xml(file)}">\n${failures.join('')}${output}  </testcase>\n`;
  });
  const failed = new Set(issues.filter(({ severity }) => severity === 'error').map(({ file }) => file)).size;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="fairlead validate" tests="${files.length}" failures="${failed}">\n${cases.join('')}</testsuite>\n`;
}

function xml(text: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;' };
  // XML 1.0 has no way at all to write control characters but tab and line ends.
  return text.replaceAll(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, '\u{fffd}').replaceAll(/[&<>"\n]/g, (character) => named[character]!);
}
